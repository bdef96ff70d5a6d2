"""What a valuator is compared with, each a callback of the same loop.

- Placebos: `Uniform` and `Shuffled`.
- Counts: `Balanced` (users) and `Propensity` (items).
- Losses: `LossRanking`, `TruncatedLoss` (T-CE), `ReweightedLoss` (R-CE) and `SelfPaced`.
- Gradients: `InRun`, `TripletImportance` (TIL) and `GradientMatching` (BOD-style).
- After training: `Influence`.
- Reinforcement: `dvrl`.

`docs/rivals.md` compares what they use, give and cost.
"""

from recval.valuation.weightings.balanced import Balanced, BalancedSettings
from recval.valuation.weightings.dvrl import DVRLSettings, dvrl
from recval.valuation.weightings.gradient_matching import GradientMatching, GradientMatchingSettings
from recval.valuation.weightings.in_run import InRun, InRunSettings
from recval.valuation.weightings.influence import Influence, InfluenceSettings
from recval.valuation.weightings.learned_weights import LearnedWeights, LearnedWeightsSettings
from recval.valuation.weightings.loss_ranking import LossRanking
from recval.valuation.weightings.loss_values import LossValued, LossValueSettings
from recval.valuation.weightings.propensity import Propensity, PropensitySettings
from recval.valuation.weightings.reweighted_loss import ReweightedLoss, ReweightedLossSettings
from recval.valuation.weightings.self_paced import SelfPaced, SelfPacedSettings
from recval.valuation.weightings.shuffled import Shuffled
from recval.valuation.weightings.triplet_importance import TripletImportance
from recval.valuation.weightings.truncated_loss import TruncatedLoss, TruncatedLossSettings
from recval.valuation.weightings.uniform import Uniform

__all__ = [
    "Balanced",
    "BalancedSettings",
    "DVRLSettings",
    "GradientMatching",
    "GradientMatchingSettings",
    "InRun",
    "InRunSettings",
    "Influence",
    "InfluenceSettings",
    "LearnedWeights",
    "LearnedWeightsSettings",
    "LossRanking",
    "LossValueSettings",
    "LossValued",
    "Propensity",
    "PropensitySettings",
    "ReweightedLoss",
    "ReweightedLossSettings",
    "SelfPaced",
    "SelfPacedSettings",
    "Shuffled",
    "TripletImportance",
    "TruncatedLoss",
    "TruncatedLossSettings",
    "Uniform",
    "dvrl",
]
