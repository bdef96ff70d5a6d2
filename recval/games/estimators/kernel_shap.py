"""KernelSHAP: Shapley's values as the coefficients of a weighted linear regression of v on who is in.

Coalitions are drawn in pairs, one and its complement, with the sizes of a round spread evenly over their distribution.
Two forms:

- `least-squares`: each round of m pairs is solved as a least-squares problem under the constraint that the values add
  up to v(all) - v(nobody). The error is small, and none at all for an additive game as soon as the pairs tell the
  players apart; but every round has a bias of order 1 / m, which a mean over rounds does not lessen: the standard error
  does not tell it. Take as many pairs as can be afforded in a round. A round takes m n^2 operations and holds m n
  numbers, so it is for thousands of players, not for more.
- `unbiased`: the expected matrix of the regression stands for the sampled one, so that the estimate is a plain mean
  over pairs: without bias in rounds of any size, and many rounds tell as much as one large one. Its variance is larger.

Both are linear in the values of the drawn coalitions, so they serve control variates.

A pair tells nothing of what is even in a game, and need not: a quadratic game is as good as an additive one. In games
close to these, least squares takes a tenth of the evaluations of permutations for the same error; where v saturates,
two to four times as many (`benchmarks/estimators.py`).

Sources: Lundberg & Lee, NeurIPS 2017, theorem 2 (the regression); Covert & Lee, "Improving KernelSHAP", AISTATS 2021
(arXiv 2012.01536), section 3.2 and appendix A (unbiased form, pairs); Musco & Witter, "Provably accurate Shapley value
estimation via leverage score sampling", ICLR 2025 (arXiv 2410.01917), section 3 (sizes by leverage: all the same).
"""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np
from pydantic import PositiveInt

from recval.errors import ConfigError
from recval.games.game import Coalitions, Floats
from recval.games.samplers.base import Draw, Sampler
from recval.games.semivalues import SemiValue, Shapley

_PAIRS_A_PLAYER = 4


class KernelSHAP(Sampler):
    """The regression of Shapley's values.

    Attributes:
        form: how a round becomes an estimate.
        pairs: pairs of coalitions a round, for least squares at least n; None: 4 for each player.
        sizes: what the sizes of coalitions are drawn by: the leverage that coalitions have in the regression, which is
            the same for each size, or the weight that the regression gives them, which favours small and large ones.
    """

    kind: Literal["kernel-shap"] = "kernel-shap"
    form: Literal["least-squares", "unbiased"] = "least-squares"
    pairs: PositiveInt | None = None
    sizes: Literal["leverage", "kernel"] = "leverage"

    def check(self, n_players: int, semivalue: SemiValue) -> None:
        """Refuse other semi-values than Shapley's, least squares on too few pairs, and rounds that no memory holds."""
        if not isinstance(semivalue, Shapley):
            raise ConfigError(f"KernelSHAP estimates Shapley's value only, not {type(semivalue).__name__}")
        if self.form == "least-squares" and self._pairs(n_players) < n_players:
            raise ConfigError(f"least squares for {n_players} players needs as many pairs at least, got {self.pairs}")
        super().check(n_players, semivalue)

    def evaluations(self, n_players: int) -> int:
        """Return two a pair; none where there is one player, whose value is known."""
        return 2 * self._pairs(n_players) if n_players > 1 else 0

    def draw(self, n_players: int, semivalue: SemiValue, generator: np.random.Generator) -> Draw:
        """Return the coalitions, the first of all pairs before the second of all."""
        if n_players == 1:
            return Draw(np.zeros((0, 1), np.bool_), lambda values, null, grand: np.array([grand - null]))
        kernel = _kernel(n_players)
        drawn_by = kernel if self.sizes == "kernel" else np.full(n_players - 1, 1 / (n_players - 1))
        first = _coalitions(drawn_by, self._pairs(n_players), n_players, generator)
        size = first.sum(1)
        solve = partial(_SOLVERS[self.form], first - size[:, None] / n_players, (kernel / drawn_by)[size - 1])

        def estimate(values: Floats, null: float, grand: float) -> Floats:
            odd = -np.diff(values.reshape(2, -1), axis=0)[0] / 2
            equal = (grand - null) / n_players
            return equal + solve(odd - equal * (size - n_players / 2))

        return Draw(np.concatenate([first, ~first]), estimate)

    def _pairs(self, n_players: int) -> int:
        return self.pairs or _PAIRS_A_PLAYER * n_players


def _kernel(n_players: int) -> Floats:
    """Return the regression's weight of all coalitions of 1 … n - 1 players, shape [n - 1]; sums to 1."""
    size = np.arange(1, n_players)
    weight = 1 / (size * (n_players - size))
    return weight / weight.sum()


def _coalitions(probabilities: Floats, count: int, n_players: int, generator: np.random.Generator) -> Coalitions:
    """Return coalitions whose sizes 1 … n - 1 are spread evenly over their probabilities, shape [count, n]."""
    share = (np.arange(count) + generator.random(count)) / count
    size = 1 + np.searchsorted(np.cumsum(probabilities)[:-1], share, side="right")
    places = generator.permuted(np.tile(np.arange(n_players), (count, 1)), axis=1)
    return places < size[:, None]


def _least_squares(deviation: Floats, weight: Floats, odd: Floats) -> Floats:
    """Return what the values differ from equal shares by, as the weighted regression on the pairs finds it."""
    root = np.sqrt(weight)
    found = np.linalg.lstsq(deviation * root[:, None], odd * root, rcond=None)[0]
    return found.astype(np.float64)


def _unbiased(deviation: Floats, weight: Floats, odd: Floats) -> Floats:
    """Return the same with the expected matrix, which is 1 / (2 H_(n-1)) times the identity, H the harmonic number."""
    harmonic = (1 / np.arange(1, deviation.shape[1])).sum()
    return 2 * harmonic * (weight * odd) @ deviation / len(odd)


_SOLVERS = {"least-squares": _least_squares, "unbiased": _unbiased}
