"""TARNet: a representation that all arms share, and a head for each arm.

Source: Shalit, Johansson and Sontag, "Estimating individual treatment effect", ICML 2017, without the balance term.

How to choose: the default. What drives the response is mostly the same under all arms, and is learnt from all rows;
what differs is learnt by the heads. When not to use: with very few treated customers, an S-learner shares more.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from recval.uplift.networks.base import Network, Outputs, Task, UpliftModule
from recval.uplift.networks.layers import ArmDense, Tower


class TARNet(Network):
    """The settings of TARNet."""

    kind: Literal["tarnet"] = "tarnet"

    def build(self, task: Task) -> UpliftModule:
        """Return a new module."""
        return TARNetModule(self, task)


class TARNetModule(UpliftModule):
    """Shared layers, then the heads."""

    def __init__(self, settings: Network, task: Task) -> None:
        super().__init__(task)
        self.shared = Tower(task, settings)
        self.heads = ArmDense(task.n_arms, self.shared.width, settings.heads, task.start, settings)

    def forward(self, numeric: Tensor, codes: Tensor) -> Outputs:
        """Return the outputs for customers."""
        representation = self.shared(numeric, codes)
        return Outputs(self.heads(representation), representation)
