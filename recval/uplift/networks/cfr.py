"""CFR: TARNet whose representation is drawn to look alike in all arms.

For each treatment, a distance between the representations of its customers and of the control's is added, the mean
over treatments: maximum mean discrepancy, linear or with a kernel, or Wasserstein's by Sinkhorn iterations (see
`recval.uplift.losses.balance`). With the weight 0 it is TARNet.

Source: Shalit, Johansson and Sontag, "Estimating individual treatment effect", ICML 2017.

How to choose: where treatment was not random, but hung on features that matter little for the response. When not to
use: in a randomised experiment, where arms are alike; where what treatment hung on matters, which the representation is
drawn to forget.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor

from recval.uplift.losses.balance import DistanceName, between_arms
from recval.uplift.networks.base import Network, Outputs, Task, UpliftModule
from recval.uplift.networks.tarnet import TARNetModule


class CFR(Network):
    """The settings of CFR.

    Attributes:
        distance: between the means (`mmd`), with a Gaussian kernel (`rbf`), or Wasserstein's (`wasserstein`).
        balance: the weight of the distance. Even of arms that are alike two samples differ, so a large weight makes the
            representation small whatever the arms are: 1 ruins the ranking in batches of some hundred rows.
        sample: how many rows of each arm `rbf` and `wasserstein` look at in a step, whose time and memory grow with the
            square of it; `mmd` looks at all.
    """

    kind: Literal["cfr"] = "cfr"
    distance: DistanceName = "mmd"
    balance: float = Field(0.03, ge=0, allow_inf_nan=False)
    sample: int = Field(256, ge=2)

    def build(self, task: Task) -> UpliftModule:
        """Return a new module."""
        return CFRModule(self, task)


class CFRModule(TARNetModule):
    """TARNet's layers, and the distance of their representations."""

    def __init__(self, settings: CFR, task: Task) -> None:
        super().__init__(settings, task)
        self.distance: DistanceName = settings.distance
        self.balance = settings.balance
        self.sample = None if settings.distance == "mmd" else settings.sample

    def own_terms(self, outputs: Outputs, arm: Tensor, response: Tensor, weight: Tensor | None = None) -> Tensor | None:
        """Return the weighted distance; None where its weight is 0."""
        if not self.balance:
            return None
        assert outputs.representation is not None
        n_arms = outputs.parameters.shape[1]
        return self.balance * between_arms(outputs.representation, arm, n_arms, self.distance, self.sample)
