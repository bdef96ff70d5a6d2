"""Sums over players, sizes or groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from recval.games import SemiValue
from recval.games.game import Coalitions, Floats
from recval.testing.games.base import OracleGame


class AdditiveGame(OracleGame):
    """Every player adds its weight, whoever else is there; that is its value.

    Args:
        weights: shape [n].
    """

    def __init__(self, weights: npt.ArrayLike) -> None:
        self.weights = np.asarray(weights, np.float64)
        self.n_players = len(self.weights)

    def value(self, coalitions: Coalitions) -> Floats:
        return np.where(coalitions, self.weights, 0.0).sum(axis=1)

    def exact(self, semivalue: SemiValue) -> Floats:
        return self.weights.copy()


class SymmetricGame(OracleGame):
    """A coalition is worth what its size is.

    Args:
        of_size: the value of 0, 1 … n players, shape [n + 1].
    """

    def __init__(self, of_size: npt.ArrayLike) -> None:
        self.of_size = np.asarray(of_size, np.float64)
        self.n_players = len(self.of_size) - 1

    def value(self, coalitions: Coalitions) -> Floats:
        return self.of_size[coalitions.sum(axis=1)]

    def exact(self, semivalue: SemiValue) -> Floats:
        return np.full(self.n_players, semivalue.size_probabilities(self.n_players) @ np.diff(self.of_size))


class UnanimityGame(OracleGame):
    """A sum of dividends, each paid if all of a group are there. Every game is one (Harsanyi, 1963).

    A member of a group of t decides on its dividend if the t - 1 others are there.

    Args:
        n_players: the number of players.
        dividends: each group of players and its dividend.
    """

    def __init__(self, n_players: int, dividends: Iterable[tuple[Sequence[int], float]]) -> None:
        self.n_players = n_players
        self.dividends = [(list(group), float(dividend)) for group, dividend in dividends]

    def value(self, coalitions: Coalitions) -> Floats:
        parts = [coalitions[:, group].all(axis=1) * dividend for group, dividend in self.dividends]
        return np.sum([np.zeros(len(coalitions)), *parts], axis=0)

    def exact(self, semivalue: SemiValue) -> Floats:
        found = np.zeros(self.n_players)
        for group, dividend in self.dividends:
            found[group] += dividend * semivalue.moment(len(group) - 1, 0) if group else 0.0
        return found
