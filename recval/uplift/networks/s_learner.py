"""S-learner: one network that takes the arm as one more feature.

Source: Künzel et al., "Metalearners for estimating heterogeneous treatment effects", PNAS 2019.

How to choose: where treated customers are few, or effects small and smooth; everything is shared. When not to use:
where effects vary much between customers: the arm is one input among many and its effect is drawn towards none.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from recval.uplift.networks.base import Network, Outputs, Task, UpliftModule
from recval.uplift.networks.layers import ACTIVATIONS, Dense, Features, output_layer, uniform


class SLearner(Network):
    """The settings of the S-learner; `representation` and `heads` are the widths of its one stack of layers."""

    kind: Literal["s-learner"] = "s-learner"

    def build(self, task: Task) -> UpliftModule:
        """Return a new module."""
        return SLearnerModule(self, task)


class SLearnerModule(UpliftModule):
    """A first layer of features and arm, then layers that do not know the arm."""

    def __init__(self, settings: SLearner, task: Task) -> None:
        super().__init__(task)
        first, *sizes = (*settings.representation, *settings.heads) or (task.start.numel(),)
        self.features = Features(task, settings.embedding)
        self.first = nn.Linear(self.features.width, first)
        self.arm = nn.Parameter(uniform(task.n_arms, first))
        self.rest = nn.Sequential(ACTIVATIONS[settings.activation](), Dense(first, sizes, settings))
        self.output = output_layer(sizes[-1] if sizes else first, task.start)

    def forward(self, numeric: Tensor, codes: Tensor) -> Outputs:
        """Return the outputs for customers, each asked about with every arm."""
        alike = self.first(self.features(numeric, codes))
        hidden = self.rest(torch.add(alike[:, None], self.arm))
        return Outputs(self.output(hidden))
