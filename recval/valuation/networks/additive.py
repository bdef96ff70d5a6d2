"""The valuator that values samples one by one: the worth of a batch is the sum of its samples' values.

Together with the sample encoder it is a multilayer perceptron from what is observed of a sample to its value, as in
DVRL (Yoon et al., ICML 2020, arXiv 1909.11671). As a game it has dividends of single samples only, so the Shapley
value of a sample is what it is worth alone, whoever else is in the batch.

How to choose: where a sample's value is not to depend on its company; the simplest. When not to use: for redundant or
complementary samples, which only a game with larger coalitions can tell.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from recval.valuation.networks.base import BatchGame


class Additive(BatchGame):
    """The game without company.

    The weights start at 0: until it has learnt something, the valuator values all samples alike.

    Args:
        features: length of a sample's feature vector.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(features))

    def worth(self, features: Tensor) -> Tensor:
        """Return what the samples present are worth together, a scalar."""
        return self.values(features).sum()

    def values(self, features: Tensor) -> Tensor:
        """Return the value of each sample, shape [B]."""
        return features @ self.weight

    def alone(self, features: Tensor) -> Tensor:
        """Return the value of each sample, shape [B]."""
        return self.values(features)

    def company(self, features: Tensor, position: int) -> Tensor:
        """Return zeros, shape [B]."""
        return features.new_zeros(len(features))
