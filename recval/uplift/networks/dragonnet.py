"""DragonNet: TARNet that also predicts the treatment, with targeted regularisation.

The representation must tell who was treated, so that it keeps the confounders. Targeted regularisation adds a
correction eps_a for each treatment a, and the squared error of what is then expected, in standard deviations:

    (y - yhat_t - sum_a eps_a h_a)^2 / sd(y)^2,   h_a = 1[t = a] / g_a(x) - 1[t = 0] / g_0(x),

with propensities g drawn away from 0: for one treatment, (g + .01) / 1.02. Predictions are those of the heads, without
the correction.

Source: Shi, Blei and Veitch, "Adapting neural networks for the estimation of treatment effects", NeurIPS 2019; on the
expected response of any head and for several treatments here.

How to choose: where the treatment was not random and what it depended on is among the features; compare it with TARNet,
which holds its own there. When not to use: in a randomised experiment there is no propensity to learn, and both terms
add noise; with a heavy tail, squared errors of single purchases rule the targeted one. The paper gives both a weight
of 1; tenths, the default, gave the better likelihood of held-out simulated customers.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from recval.uplift.networks.base import Network, Outputs, Task, UpliftModule, own_arm, weighted_mean
from recval.uplift.networks.tarnet import TARNetModule

FLOOR = 0.01
"""What every propensity is raised by, before they are made to sum to 1 again."""


class DragonNet(Network):
    """The settings of DragonNet.

    Attributes:
        propensity: the weight of the treatment's cross entropy.
        targeted: the weight of targeted regularisation.
    """

    kind: Literal["dragonnet"] = "dragonnet"
    propensity: float = Field(0.1, ge=0, allow_inf_nan=False)
    targeted: float = Field(0.1, ge=0, allow_inf_nan=False)

    def build(self, task: Task) -> UpliftModule:
        """Return a new module."""
        return DragonNetModule(self, task)


class DragonNetModule(TARNetModule):
    """TARNet's layers, a logistic regression of the treatment on the representation, and the corrections."""

    def __init__(self, settings: DragonNet, task: Task) -> None:
        super().__init__(settings, task)
        self.weights = settings.propensity, settings.targeted
        self.propensity = nn.Linear(self.shared.width, task.n_arms)
        self.correction = nn.Parameter(torch.zeros(task.n_arms - 1))

    def forward(self, numeric: Tensor, codes: Tensor) -> Outputs:
        """Return the outputs for customers."""
        representation = self.shared(numeric, codes)
        return Outputs(self.heads(representation), representation, self.propensity(representation))

    def own_terms(self, outputs: Outputs, arm: Tensor, response: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the treatment's cross entropy and the targeted regularisation, weighted."""
        assert outputs.propensity is not None
        treatment = functional.cross_entropy(outputs.propensity, arm, reduction="none")
        error = response - own_arm(self.means(outputs), arm) - self._correction(outputs.propensity, arm)
        targeted = (error / self.limits.scale).square()
        return weighted_mean(self.weights[0] * treatment + self.weights[1] * targeted, weight)

    def _correction(self, logits: Tensor, arm: Tensor) -> Tensor:
        """Return sum_a eps_a h_a in the responses' unit, shape [B]."""
        propensity = (logits.softmax(1) + FLOOR) / (1 + FLOOR * logits.shape[1])
        inverse = functional.one_hot(arm, logits.shape[1]) / propensity
        return ((inverse[:, 1:] - inverse[:, :1]) @ self.correction) * self.limits.scale
