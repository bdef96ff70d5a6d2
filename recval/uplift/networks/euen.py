"""EUEN: one network for the response without treatment, another for what each treatment adds to it.

The uplift network adds to the raw numbers of the control network's head (for ZILN: to the logit of p, to mu, and to
sigma before softplus), never to the expected response, so that no expected revenue can be negative. Treated rows do
not train the control network: it enters their numbers without a gradient.

Source: Ke et al., "Addressing exposure bias in uplift modeling for large-scale online advertising", ICDM 2021; on the
numbers of any head here.

How to choose: where control rows are plenty and effects are small and simple against the response itself. When not to
use: with few control rows; the treated ones do not help the control network.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from recval.uplift.networks.base import Network, Outputs, Task, UpliftModule
from recval.uplift.networks.layers import ArmDense, Tower


class EUEN(Network):
    """The settings of EUEN; both networks have the same widths."""

    kind: Literal["euen"] = "euen"

    def build(self, task: Task) -> UpliftModule:
        """Return a new module."""
        return EUENModule(self, task)


class EUENModule(UpliftModule):
    """The control network, and the uplift network with an output for each treatment."""

    def __init__(self, settings: EUEN, task: Task) -> None:
        super().__init__(task)
        self.control = Tower(task, settings)
        self.control_head = ArmDense(1, self.control.width, settings.heads, task.start, settings)
        self.uplift = Tower(task, settings)
        no_effect = torch.zeros_like(task.start)
        self.uplift_heads = ArmDense(task.n_arms - 1, self.uplift.width, settings.heads, no_effect, settings)

    def forward(self, numeric: Tensor, codes: Tensor) -> Outputs:
        """Return the outputs for customers."""
        control = self.control_head(self.control(numeric, codes))
        added = self.uplift_heads(self.uplift(numeric, codes))
        return Outputs(torch.cat([control, control.detach() + added], dim=1))
