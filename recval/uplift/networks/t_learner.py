"""T-learner: a network of its own for each arm, that sees the rows of this arm alone.

Source: Künzel et al., "Metalearners for estimating heterogeneous treatment effects", PNAS 2019.

How to choose: where every arm has many rows, and the arms are little alike. When not to use: with rare purchases; each
network then learns from scratch what the others know, and uplift is the difference of two independent errors.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from recval.uplift.networks.base import Network, Outputs, Task, UpliftModule
from recval.uplift.networks.layers import ArmDense, Embeddings


class TLearner(Network):
    """The settings of the T-learner; `representation` and `heads` are the widths of each arm's stack of layers."""

    kind: Literal["t-learner"] = "t-learner"

    def build(self, task: Task) -> UpliftModule:
        """Return a new module."""
        return TLearnerModule(self, task)


class TLearnerModule(UpliftModule):
    """The networks of all arms, computed as one batched product a layer."""

    def __init__(self, settings: TLearner, task: Task) -> None:
        super().__init__(task)
        self.n_arms = task.n_arms
        n_categories = len(task.cardinalities)
        self.embeddings = Embeddings(task.cardinalities, task.n_arms * settings.embedding) if n_categories else None
        width = task.n_numeric + n_categories * settings.embedding
        self.arms = ArmDense(task.n_arms, width, (*settings.representation, *settings.heads), task.start, settings)

    def forward(self, numeric: Tensor, codes: Tensor) -> Outputs:
        """Return the outputs for customers."""
        return Outputs(self.arms(self._features(numeric, codes)))

    def _features(self, numeric: Tensor, codes: Tensor) -> Tensor:
        """Return the features with each arm's own vectors of categories, shape [A + 1, B, width]."""
        if self.embeddings is None:
            return numeric
        vectors = self.embeddings(codes).unflatten(2, (self.n_arms, -1)).permute(2, 0, 1, 3).flatten(2)
        return torch.cat([numeric.expand(self.n_arms, -1, -1), vectors], dim=2)
