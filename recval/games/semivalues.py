"""Semi-values: how the marginal contributions of a player to coalitions of different sizes are weighed.

    phi_i = sum_k p_k * mean of v(S + i) - v(S) over all S of k players without i

is told by the size probabilities p_0 … p_(n-1). Every semi-value here is also a mixture: draw q from a distribution on
[0, 1], let each other player join with probability q, and take the mean marginal contribution to such coalitions.

- `Shapley`: q is uniform, so every size counts the same. The only one here whose values add up to v(N) - v(nobody).
- `Beta(alpha, beta)`: q has the density of Beta(beta, alpha); alpha > beta looks at small coalitions, where a marginal
  contribution tells most from noise. Beta(1, 1) is Shapley's.
- `Banzhaf`: q = 1/2; its ranks bear noise in v best. A weighted one has another q.
- `LeaveOneOut`: q = 1; what is lost without the player alone. It sees nothing of what two players have in common.

Sources: Dubey, Neyman, Weber, "Value theory without efficiency", 1981, theorem 1 (mixtures); Kwon & Zou, "Beta
Shapley", AISTATS 2022, equation 5; Wang & Jia, "Data Banzhaf", AISTATS 2023; Li & Yu, "Weighted Banzhaf values",
NeurIPS 2023.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy import special, stats

from recval.declarations import Declaration
from recval.games.game import Floats

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class SemiValue(Declaration, ABC):
    """Base of semi-values."""

    @abstractmethod
    def size_probabilities(self, n_players: int) -> Floats:
        """Return the probability that a player is taken to join k others, for k = 0 … n - 1, shape [n]; sums to 1."""

    @abstractmethod
    def quantile(self, share: npt.ArrayLike) -> Floats:
        """Return the quantile of q at each share in [0, 1], of the same shape."""

    @abstractmethod
    def moment(self, present: npt.ArrayLike, absent: npt.ArrayLike) -> Floats:
        """Return E[q^present (1 - q)^absent]: how likely so many given players are in, and so many others are not."""


class BetaMixture(SemiValue, ABC):
    """Base of those whose q has a beta distribution."""

    @property
    @abstractmethod
    def shape(self) -> tuple[float, float]:
        """The two parameters of the density of q, which is proportional to q^(a - 1) (1 - q)^(b - 1)."""

    def size_probabilities(self, n_players: int) -> Floats:
        """Return the beta-binomial probabilities, shape [n]."""
        return _beta_binomial(n_players, *self.shape)

    def quantile(self, share: npt.ArrayLike) -> Floats:
        """Return the quantile of the beta distribution."""
        return special.betaincinv(*self.shape, share)

    def moment(self, present: npt.ArrayLike, absent: npt.ArrayLike) -> Floats:
        """Return B(a + present, b + absent) / B(a, b)."""
        a, b = self.shape
        return np.exp(special.betaln(a + np.asarray(present), b + np.asarray(absent)) - special.betaln(a, b))


class Shapley(BetaMixture):
    """The Shapley value."""

    kind: Literal["shapley"] = "shapley"

    @property
    def shape(self) -> tuple[float, float]:
        """The uniform distribution."""
        return 1.0, 1.0

    def size_probabilities(self, n_players: int) -> Floats:
        """Return 1 / n for every size, exactly."""
        return np.full(n_players, 1 / max(n_players, 1))

    def quantile(self, share: npt.ArrayLike) -> Floats:
        """Return the share."""
        return np.asarray(share, np.float64)


class Beta(BetaMixture):
    """The Beta(alpha, beta) semi-value.

    Attributes:
        alpha: the larger, the more small coalitions count.
        beta: the larger, the more large coalitions count.
    """

    kind: Literal["beta"] = "beta"
    alpha: Positive = 16.0
    beta: Positive = 1.0

    @property
    def shape(self) -> tuple[float, float]:
        """Beta(beta, alpha)."""
        return self.beta, self.alpha


class PointMixture(SemiValue, ABC):
    """Base of those whose q is one number."""

    @property
    @abstractmethod
    def inclusion(self) -> float:
        """The number q, in [0, 1]."""

    def size_probabilities(self, n_players: int) -> Floats:
        """Return the binomial probabilities, shape [n]."""
        return _binomial(n_players, self.inclusion)

    def quantile(self, share: npt.ArrayLike) -> Floats:
        """Return q."""
        return np.full(np.shape(share), self.inclusion)

    def moment(self, present: npt.ArrayLike, absent: npt.ArrayLike) -> Floats:
        """Return q^present (1 - q)^absent."""
        return np.power(self.inclusion, present) * np.power(1 - self.inclusion, absent)


class Banzhaf(PointMixture):
    """The Banzhaf value, or a weighted one.

    Attributes:
        probability: the probability that each other player is in.
    """

    kind: Literal["banzhaf"] = "banzhaf"
    probability: float = Field(0.5, gt=0, lt=1)

    @property
    def inclusion(self) -> float:
        """The probability."""
        return self.probability


class LeaveOneOut(PointMixture):
    """What the coalition of all loses without the player."""

    kind: Literal["leave-one-out"] = "leave-one-out"

    @property
    def inclusion(self) -> float:
        """All others are in."""
        return 1.0


@lru_cache(maxsize=64)
def _beta_binomial(n_players: int, a: float, b: float) -> Floats:
    """Return the probabilities of 0 … n - 1, shape [n]; samplers ask for them in every round."""
    return _shared(stats.betabinom.pmf(np.arange(n_players), max(n_players - 1, 0), a, b))


@lru_cache(maxsize=64)
def _binomial(n_players: int, probability: float) -> Floats:
    """Return the probabilities of 0 … n - 1, shape [n]."""
    return _shared(stats.binom.pmf(np.arange(n_players), max(n_players - 1, 0), probability))


def _shared(array: Floats) -> Floats:
    array.flags.writeable = False
    return array


AnySemiValue = Annotated[Shapley | Beta | Banzhaf | LeaveOneOut, Field(discriminator="kind")]
"""A semi-value in a recipe."""
