"""Quadratic games: a number for each player, and one for each two of them that are in together.

    g(S) = c + sum over t in S of a_t + 1/2 sum over s, t in S of b_st

The semi-value of t is a_t + E[q] sum_s b_st, with the inclusion probability q of the semi-value's mixture: a pair that
t belongs to counts where the other one is in. A Taylor expansion of a loss gives such a game without any fitting.

`Quadratic` fits one by ridge regression. It has n (n + 1) / 2 coefficients and needs some such number of coalitions to
be exact; with fewer the ridge decides how much of the pairs can be told. Of no use where what matters has more than two
players in it, such as a vote that is won at a quota: take trees.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from recval.games.game import Coalitions, Floats
from recval.games.semivalues import SemiValue
from recval.games.surrogates.base import Surrogate, SurrogateModel

_RIDGES = np.logspace(-12, 4, 33)
"""Penalties to choose from, in units of the mean squared norm of a coalition's features."""
_ROUND_OFF = 1e-12


class QuadraticGame(Surrogate):
    """A quadratic game.

    Args:
        constant: c, the value of nobody.
        linear: a, shape [n].
        pairs: b, shape [n, n]; half of what stands on its diagonal counts to a, as the formula says.
    """

    def __init__(self, constant: float, linear: npt.ArrayLike, pairs: npt.ArrayLike) -> None:
        given = np.asarray(pairs, np.float64)
        self.constant = float(constant)
        self.linear: Floats = np.asarray(linear, np.float64) + given.diagonal() / 2
        self.pairs: Floats = (given + given.T) / 2
        np.fill_diagonal(self.pairs, 0.0)
        self.n_players = len(self.linear)

    def value(self, coalitions: Coalitions) -> Floats:
        """Return the values by one product of matrices."""
        present = coalitions.astype(np.float64)
        return self.constant + present @ self.linear + ((present @ self.pairs) * present).sum(1) / 2

    def values_of(self, semivalue: SemiValue) -> Floats:
        """Return a + E[q] sum_s b_s, shape [n]."""
        return self.linear + semivalue.moment(1, 0) * self.pairs.sum(1)


class Quadratic(SurrogateModel):
    """A quadratic game that is fitted by ridge regression; the ridge is the one with the least leave-one-out error."""

    kind: Literal["quadratic"] = "quadratic"

    def fit(self, coalitions: Coalitions, values: Floats, seed: int) -> QuadraticGame:
        """Return the fitted game."""
        return fit_quadratic(coalitions, values)


def fit_quadratic(coalitions: Coalitions, values: Floats) -> QuadraticGame:
    """Return the quadratic game that ridge regression finds.

    Players are taken as the deviation x from how often they are in; the features are x_t and x_s x_t, scaled so that
    players and pairs have the same mean squared norm in all. The constant bears no penalty. Where there are fewer
    coalitions than features, the features are never written out: their inner products are those of a polynomial kernel.

    Args:
        coalitions: shape [B, n]; B at least 1.
        values: shape [B].
    """
    mean = coalitions.mean(0)
    deviation = coalitions - mean
    n_players = len(mean)
    spread = max((deviation**2).mean(), 1e-12)
    scales = 1 / (max(n_players, 1) * spread), 2 / (max(n_players * (n_players - 1), 1) * spread**2)
    weights = _ridge(*_spectrum(deviation, scales), values - values.mean())
    weights -= weights.mean()
    singles = scales[0] * (weights @ deviation)
    pairs = scales[1] * (deviation.T * weights) @ deviation
    np.fill_diagonal(pairs, 0.0)
    game = QuadraticGame(0.0, singles - pairs @ mean, pairs)
    game.constant = float((values - game.value(coalitions)).mean())
    return game


def _spectrum(deviation: Floats, scales: tuple[float, float]) -> tuple[Floats, Floats]:
    """Return the eigenvectors [B, K] and eigenvalues [K] of the inner products of the centred features.

    The constant vector is not among them.
    """
    n_samples, n_players = deviation.shape
    single, pair = scales
    if n_players * (n_players + 1) // 2 < n_samples:
        first, second = np.triu_indices(n_players, 1)
        products = np.sqrt(pair) * deviation[:, first] * deviation[:, second]
        features = np.hstack([np.sqrt(single) * deviation, products])
        vectors, roots, _ = np.linalg.svd(features - features.mean(0), full_matrices=False)
        told = roots > _ROUND_OFF * roots.max(initial=0.0)
        return vectors[:, told], roots[told] ** 2
    products = deviation @ deviation.T
    squares = deviation**2
    kernel = single * products + pair / 2 * (products**2 - squares @ squares.T)
    kernel -= kernel.mean(0)
    kernel -= kernel.mean(1)[:, None]
    # The constant vector is set apart from the others that the features do not tell, as the largest of all.
    eigenvalues, vectors = np.linalg.eigh(kernel + (1 + 2 * kernel.trace()) / n_samples)
    return vectors[:, :-1], np.maximum(eigenvalues[:-1], 0.0)


def _ridge(vectors: Floats, eigenvalues: Floats, target: Floats) -> Floats:
    """Return the weight of each sample in the coefficients, shape [B], at the ridge with the least leave-one-out error.

    The error without a sample is its residual over 1 - h, h its leverage, to which the constant adds 1 / B.
    """
    n_samples = len(target)
    along = vectors.T @ target
    beyond = 1 - 1 / n_samples - (vectors**2).sum(1)
    beyond[beyond < _ROUND_OFF] = 0.0
    outside = np.where(beyond > 0, target - vectors @ along, 0.0)
    errors, ridges = [], _RIDGES * (eigenvalues.sum() / n_samples or 1.0)
    for ridge in ridges:
        kept = ridge / (eigenvalues + ridge)
        residual = outside + vectors @ (kept * along)
        errors.append(((residual / np.maximum(beyond + vectors**2 @ kept, 1e-300)) ** 2).mean())
    return vectors @ (along / (eigenvalues + ridges[int(np.argmin(errors))]))
