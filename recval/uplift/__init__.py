"""Revenue uplift: whom to treat, and what it earns.

- `Customers`, `load`, `SemiSynthetic`: experiments, one's own, known ones, and ones whose true uplift is known.
- `UpliftModel`: the estimator; what it is made of is in `networks`, `heads`, `losses`, `calibration`.
- `metrics`: how good a ranking, or a prediction, is.
- `doubly_robust`, `estimate_propensity`, `randomness`: experiments that were not random.
- `Budget`, `target`, `gainers`: whom to treat for a budget, and who they are.

Names are loaded when they are first used: metrics of scores need no torch, and nor does a table of customers.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recval.uplift.calibration import AnyCalibration, Isotonic, Level, Linear
    from recval.uplift.catalogue import load
    from recval.uplift.customers import Customers
    from recval.uplift.effects.doubly_robust import Scores, doubly_robust
    from recval.uplift.effects.propensity import estimate_propensity
    from recval.uplift.effects.randomness import randomness
    from recval.uplift.features import Differences, Encoded, FeatureEncoder
    from recval.uplift.heads import MSE, ZILN, AnyHead, Hurdle, Tweedie
    from recval.uplift.losses import ListwiseUplift, ResponseRanking
    from recval.uplift.model import UpliftModel
    from recval.uplift.networks import CFR, DESCN, EFIN, EUEN, AnyNetwork, DragonNet, SLearner, TARNet, TLearner
    from recval.uplift.prediction import Prediction
    from recval.uplift.semi_synthetic import SemiSynthetic
    from recval.uplift.settings import UpliftSettings
    from recval.uplift.simulated import simulated_customers
    from recval.uplift.targeting import Budget, Targeting, gainers, target
    from recval.uplift.training.loop import UpliftTraining

_HOME = {
    "AnyCalibration": "recval.uplift.calibration",
    "AnyHead": "recval.uplift.heads",
    "AnyNetwork": "recval.uplift.networks",
    "Budget": "recval.uplift.targeting",
    "CFR": "recval.uplift.networks",
    "Customers": "recval.uplift.customers",
    "DESCN": "recval.uplift.networks",
    "Differences": "recval.uplift.features",
    "DragonNet": "recval.uplift.networks",
    "EFIN": "recval.uplift.networks",
    "EUEN": "recval.uplift.networks",
    "Encoded": "recval.uplift.features",
    "FeatureEncoder": "recval.uplift.features",
    "Hurdle": "recval.uplift.heads",
    "Isotonic": "recval.uplift.calibration",
    "Level": "recval.uplift.calibration",
    "Linear": "recval.uplift.calibration",
    "ListwiseUplift": "recval.uplift.losses",
    "MSE": "recval.uplift.heads",
    "Prediction": "recval.uplift.prediction",
    "ResponseRanking": "recval.uplift.losses",
    "SLearner": "recval.uplift.networks",
    "Scores": "recval.uplift.effects.doubly_robust",
    "SemiSynthetic": "recval.uplift.semi_synthetic",
    "TARNet": "recval.uplift.networks",
    "TLearner": "recval.uplift.networks",
    "Targeting": "recval.uplift.targeting",
    "Tweedie": "recval.uplift.heads",
    "UpliftModel": "recval.uplift.model",
    "UpliftSettings": "recval.uplift.settings",
    "UpliftTraining": "recval.uplift.training.loop",
    "ZILN": "recval.uplift.heads",
    "doubly_robust": "recval.uplift.effects.doubly_robust",
    "estimate_propensity": "recval.uplift.effects.propensity",
    "gainers": "recval.uplift.targeting",
    "load": "recval.uplift.catalogue",
    "randomness": "recval.uplift.effects.randomness",
    "simulated_customers": "recval.uplift.simulated",
    "target": "recval.uplift.targeting",
}

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
    "Prediction",
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


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'recval.uplift' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
