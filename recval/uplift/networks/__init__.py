"""Networks that predict the response of a customer under every arm.

| kind | what the arms share | choose it for |
|---|---|---|
| `tarnet` | a representation | the default |
| `s-learner` | everything; the arm is a feature | few treated customers |
| `t-learner` | nothing | many rows in every arm, arms little alike |
| `cfr` | a representation that looks alike in all arms | treatment that depended on features that matter little |
| `dragonnet` | a representation that tells who was treated | treatment that depended on features that matter |
| `euen` | the control network, without its gradient | much control data, small effects |
| `descn` | a representation, the propensity, pseudo effects | few treated customers, not at random |
| `efin` | vectors of features that attend to each other | many categories, several treatments |
"""

from typing import Annotated

from pydantic import Field

from recval.uplift.networks.base import Network, Outputs, Task, UpliftModule
from recval.uplift.networks.cfr import CFR
from recval.uplift.networks.descn import DESCN
from recval.uplift.networks.dragonnet import DragonNet
from recval.uplift.networks.efin import EFIN
from recval.uplift.networks.euen import EUEN
from recval.uplift.networks.s_learner import SLearner
from recval.uplift.networks.t_learner import TLearner
from recval.uplift.networks.tarnet import TARNet

AnyNetwork = Annotated[
    SLearner | TLearner | TARNet | CFR | DragonNet | EUEN | DESCN | EFIN, Field(discriminator="kind")
]
"""A network in a recipe."""

__all__ = [
    "CFR",
    "DESCN",
    "EFIN",
    "EUEN",
    "AnyNetwork",
    "DragonNet",
    "Network",
    "Outputs",
    "SLearner",
    "TARNet",
    "TLearner",
    "Task",
    "UpliftModule",
]
