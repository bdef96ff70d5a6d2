"""An order-independent valuator with exact Shapley values: Harsanyi dividends by elementary symmetric polynomials.

Each sample m of a batch has a vector z_m. Per channel c, the dividend of a coalition S of at most K samples is

    I_c(S) = w_{c,|S|} * prod_{m in S} z_{m,c}

so the worth of a set of samples is v(S) = sum_c sum_k w_{c,k} e_k(z_c), e_k the elementary symmetric polynomials, and

    phi_m = sum_c sum_k (w_{c,k} / k) z_{m,c} e_{k-1}(z_c without m)

is the exact Shapley value of sample m in the game v, in O(B C K) instead of O(2^B): a polynomial in z_m, since
e_{k-1}(z without m) = sum_i (-z_m)^i e_{k-1-i}(z). It is efficient (the values sum to
v of the batch), symmetric and permutation-equivariant; a sample with z = 0 is absent: its value is 0, and it changes
nobody else's. What m owes to the company of j is

    sum_c sum_k (w_{c,k} / (k (k - 1))) z_{m,c} z_{j,c} e_{k-2}(z_c without m and j)

The weights w start at 0: until it has learnt something, the valuator values all samples alike.

How to choose: this is the default. When not to use: if samples are to be valued one by one, `Additive` is enough.
"""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor, nn

from recval.valuation.networks.base import BatchGame


class HarsanyiESP(BatchGame):
    """The game whose dividends are products over the samples of a coalition.

    Args:
        features: length of a sample's feature vector.
        channels: number of channels C.
        order: largest coalition K with a dividend of its own, at least 1. The recursion over the order loses digits in
            float32 above 3.
        scale: what z is multiplied by; about 1/sqrt(batch size) keeps all orders of one size.
    """

    def __init__(self, features: int, channels: int = 4, order: int = 2, scale: float = 2048**-0.5) -> None:
        super().__init__()
        self.order = order
        self.scale = scale
        self.project = nn.Linear(features, channels, bias=False)
        self.weight = nn.Parameter(torch.zeros(order, channels))

    def worth(self, features: Tensor) -> Tensor:
        """Return what the samples present are worth together, a scalar."""
        polynomials = torch.stack(_polynomials(self._channels(features), self.order))
        return (self._dividends * polynomials).sum()

    def values(self, features: Tensor) -> Tensor:
        """Return the Shapley value of each sample, shape [B]."""
        z = self._channels(features)
        polynomials = _polynomials(z, self.order - 1)
        shares = [dividends / order for order, dividends in enumerate(self._dividends, 1)]
        found, power = z.new_zeros(z.shape[1]), z
        for degree in range(1, self.order + 1):
            factors = reduce(torch.add, map(torch.mul, shares[degree:], polynomials), shares[degree - 1])
            found = torch.addmv(found, power.T, factors, alpha=(-1) ** (degree - 1))
            power = power * z if degree < self.order else power
        return found

    def alone(self, features: Tensor) -> Tensor:
        """Return what each sample is worth without the others, shape [B]."""
        return self._dividends[0] @ self._channels(features)

    def company(self, features: Tensor, position: int) -> Tensor:
        """Return which part of one sample's value is owed to each other sample, shape [B]."""
        z = self._channels(features)
        sample = z[:, position]
        others = z.index_fill(1, torch.tensor([position], device=z.device), 0.0)
        polynomials = _polynomials(others, self.order - 2)
        found, product = z.new_zeros(z.shape[1]), others
        for order in range(2, self.order + 1):
            found = found + (sample * self._dividends[order - 1] / (order * (order - 1))) @ product
            if order < self.order:
                product = others * (polynomials[order - 2].unsqueeze(1) - product)
        return found

    @property
    def _dividends(self) -> Tensor:
        """The weights w, shape [K, C], divided by the scale so that the first order does not depend on it."""
        return self.weight / self.scale

    def _channels(self, features: Tensor) -> Tensor:
        """Return z of each channel and sample, shape [C, B]."""
        return (self.project.weight * self.scale) @ features.T


def _polynomials(z: Tensor, order: int) -> list[Tensor]:
    """Return e_1 ... e_order of each channel by Newton's identities, each of shape [C]."""
    found: list[Tensor] = []
    sums: list[Tensor] = []
    power = z
    for degree in range(1, order + 1):
        power = power * z if sums else z
        sums.append((-1) ** (degree - 1) * power.sum(dim=1))
        terms = map(torch.mul, reversed(found), sums)
        found.append(reduce(torch.add, terms, sums[-1]) / degree)
    return found
