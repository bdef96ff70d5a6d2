r"""Games of the size, and of what players are worth alone.

.. math:: g(S) = F(|S|) + \frac{1}{|S|} \sum_{i \in S} a_i, \qquad a_i = v(\{i\}) - \operatorname{mean}_j v(\{j\})

The curve F is what a player owes to its place in an order; where v rises steeply at first and slowly later, as what a
model learns from more and more data does, that is most of the variance of permutations, however rugged v is. The rest
of it also comes from the first places, where a coalition of few is worth about the mean of what its members are worth
alone. With A the sum of all a, and m = (A - a_i) / (n - 1) the mean of the others, the semi-value is

.. math:: \psi_i = \sum_k p_k \left( F(k + 1) - F(k) + \frac{a_i + k m}{k + 1} - [k > 0] \, m \right).

`Sizes` fits it on n coalitions of one and some 32 log2(n) larger ones, for 10 players or for 10,000: much fewer than
the pairs of a quadratic game need. Its beta is near 1, so no pilot is needed: `beta: one`. Where v is as good as
linear in the size it does nothing.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from recval.engine import Executor
from recval.games.evaluating import evaluate
from recval.games.game import Coalitions, Floats, Game
from recval.games.semivalues import SemiValue
from recval.games.surrogates.base import Surrogate, SurrogateModel
from recval.rng import numpy_generator

_ORDERS = 16


class SizesGame(Surrogate):
    """A game of the size, and of the mean of the members.

    Args:
        curve: F, shape [n + 1].
        alone: a, shape [n]; zeros make a game of the size alone.
    """

    def __init__(self, curve: npt.ArrayLike, alone: npt.ArrayLike) -> None:
        self.curve: Floats = np.asarray(curve, np.float64)
        self.alone: Floats = np.asarray(alone, np.float64)
        self.n_players = len(self.alone)

    def value(self, coalitions: Coalitions) -> Floats:
        """Look the sizes up, and add the means."""
        sizes = coalitions.sum(axis=1)
        return self.curve[sizes] + coalitions @ self.alone / np.maximum(sizes, 1)

    def values_of(self, semivalue: SemiValue) -> Floats:
        """Return the mean of the steps of both parts, weighed by the size probabilities, shape [n]."""
        n = self.n_players
        weights, before = semivalue.size_probabilities(n), np.arange(n)
        others = (self.alone.sum() - self.alone) / max(n - 1, 1)
        entering, kept = weights @ (1 / (before + 1)), weights @ (before / (before + 1) - (before > 0))
        return weights @ np.diff(self.curve) + entering * self.alone + kept * others


class Sizes(SurrogateModel):
    """The mean values of some sizes with straight lines between them, and the values of single players.

    The sizes stand close at both ends. The coalitions are the first so many players of some random orders.

    Attributes:
        coalitions: how many coalitions the curve is fitted on, rounded up to whole orders; None: those of 16 orders.
        alone: whether every player is evaluated alone.
    """

    kind: Literal["sizes"] = "sizes"
    alone: bool = True

    def evaluations(self, n_players: int) -> int:
        """Return how many coalitions are evaluated to fit it."""
        return self.alone * n_players + self._orders(n_players) * len(self._knots(n_players))

    def fitted(self, game: Game, semivalue: SemiValue, seed: int, executor: Executor) -> SizesGame:
        """Return the surrogate that is fitted to a game; the sizes are the same for every semi-value."""
        n, knots = game.n_players, self._knots(game.n_players)
        orders = np.tile(np.arange(n), (self._orders(n), 1))
        places = numpy_generator(seed, "coalitions").permuted(orders, axis=1)
        drawn = [(places[:, None, :] < knots[:, None]).reshape(-1, n), np.eye(n, dtype=np.bool_)[: self.alone * n]]
        ends = np.repeat([[False], [True]], n, axis=1)
        values = evaluate(game, np.concatenate(drawn), executor)
        return self.fit(np.concatenate([*drawn, ends]), np.append(values, (game.null_value, game.grand_value)), seed)

    def fit(self, coalitions: Coalitions, values: Floats, seed: int) -> SizesGame:
        """Return the game of the mean values of the sizes that occur, and of those players who are seen alone."""
        counts, n_players = coalitions.sum(axis=1), coalitions.shape[1]
        sizes, of = np.unique(counts, return_inverse=True)
        means = np.bincount(of, values) / np.bincount(of)
        curve = np.interp(np.arange(n_players + 1), sizes, means)
        single, alone = counts == 1, np.zeros(n_players)
        if self.alone and n_players > 1:
            alone[coalitions[single].argmax(axis=1)] = values[single] - curve[1]
        return SizesGame(curve, alone)

    def _orders(self, n_players: int) -> int:
        return -(-self.coalitions // max(len(self._knots(n_players)), 1)) if self.coalitions else _ORDERS

    def _knots(self, n_players: int) -> npt.NDArray[np.int64]:
        """Return 1, 2, 4 … up to the middle and as far from n, ascending; without 1 where players are seen alone."""
        near = 2 ** np.arange(max(n_players, 1).bit_length())
        near = near[2 * near < n_players]
        knots = np.unique(np.concatenate([near, [n_players // 2], n_players - near]))
        return knots[(knots > (1 if self.alone else 0)) & (knots < n_players)]
