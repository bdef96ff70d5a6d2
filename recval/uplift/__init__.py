"""Revenue uplift: whom to treat, and what it earns.

- `Customers`, `load`, `SemiSynthetic`: experiments, one's own, known ones, and ones whose true uplift is known.
- `UpliftModel`: the estimator; what it is made of is in `networks`, `heads`, `losses`, `calibration`.
- `metrics`: how good a ranking, or a prediction, is.
- `doubly_robust`, `estimate_propensity`, `randomness`: experiments that were not random.
- `Budget`, `target`, `gainers`: whom to treat for a budget, and who they are.
"""

from recval.uplift.calibration import AnyCalibration, Isotonic, Level, Linear
from recval.uplift.catalogue import load
from recval.uplift.customers import Customers
from recval.uplift.differences import Differences
from recval.uplift.doubly_robust import Scores, doubly_robust
from recval.uplift.features import Encoded, FeatureEncoder
from recval.uplift.fitting import UpliftTraining
from recval.uplift.gainers import gainers
from recval.uplift.heads import MSE, ZILN, AnyHead, Hurdle, Tweedie
from recval.uplift.losses import ListwiseUplift, ResponseRanking
from recval.uplift.model import UpliftModel
from recval.uplift.networks import (
    CFR,
    DESCN,
    EFIN,
    EUEN,
    AnyNetwork,
    DragonNet,
    SLearner,
    TARNet,
    TLearner,
)
from recval.uplift.propensity import estimate_propensity
from recval.uplift.randomness import randomness
from recval.uplift.semi_synthetic import SemiSynthetic
from recval.uplift.settings import UpliftSettings
from recval.uplift.simulated import simulated_customers
from recval.uplift.targeting import Budget, Targeting, target

__all__ = [
    "CFR",
    "DESCN",
    "EFIN",
    "EUEN",
    "MSE",
    "ZILN",
    "AnyCalibration",
    "AnyHead",
    "AnyNetwork",
    "Budget",
    "Customers",
    "Differences",
    "DragonNet",
    "Encoded",
    "FeatureEncoder",
    "Hurdle",
    "Isotonic",
    "Level",
    "Linear",
    "ListwiseUplift",
    "ResponseRanking",
    "SLearner",
    "Scores",
    "SemiSynthetic",
    "TARNet",
    "TLearner",
    "Targeting",
    "Tweedie",
    "UpliftModel",
    "UpliftSettings",
    "UpliftTraining",
    "doubly_robust",
    "estimate_propensity",
    "gainers",
    "load",
    "randomness",
    "simulated_customers",
    "target",
]
