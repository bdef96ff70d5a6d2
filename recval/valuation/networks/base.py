"""What the valuators' networks have in common: each is a cooperative game of the samples of a batch.

The players are the samples. A network says what any set of them is worth together, and what each is owed of that: its
exact Shapley value in the network's own game. Both follow from the Harsanyi dividends I(S) of the sets S of samples,

    v(B) = sum over S in B of I(S)        phi_m = sum over S that contain m of I(S) / |S|

so a value can be told apart into what a sample earns `alone` and what it earns in the `company` of each other sample.
The values are those of the learned game, not of training itself: what ties it to training is what it is fitted to.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class BatchGame(nn.Module, ABC):
    """A game of the samples of a batch, with exact Shapley values.

    Everywhere `features` are the samples' feature vectors, shape [B, F]. A row of zeros is an absent sample: it is
    worth exactly 0, and changes nobody else's value. For every sample m, values[m] == alone[m] + company(m).sum().
    """

    @abstractmethod
    def worth(self, features: Tensor) -> Tensor:
        """Return what the samples present are worth together, a scalar; 0 for nobody."""

    @abstractmethod
    def values(self, features: Tensor) -> Tensor:
        """Return the Shapley value of each sample, shape [B]; they sum to the worth."""

    @abstractmethod
    def alone(self, features: Tensor) -> Tensor:
        """Return what each sample is worth without the others, the dividend of {m}, shape [B]."""

    @abstractmethod
    def company(self, features: Tensor, position: int) -> Tensor:
        """Return which part of one sample's value is owed to each other sample, shape [B]; 0 for itself.

        A set S that contains both gives I(S) / (|S| (|S| - 1)): the sample's share of the dividend, divided among its
        partners.

        Args:
            features: the samples, shape [B, F].
            position: the sample whose value is told apart.
        """
