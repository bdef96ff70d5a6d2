"""Permutations: the players come one after the other, and each is worth what it adds to those before it.

An order of n players costs n - 1 evaluations and gives each player one marginal contribution; all sizes are equally
likely, so other semi-values than Shapley's weigh them by n p_k. The Shapley estimate of every single order adds up to
v(N) - v(nobody).

Source: Castro, Gómez, Tejada, "Polynomial calculation of the Shapley value based on sampling", 2009.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from recval.games.estimators.base import Draw, Sampler
from recval.games.game import Coalitions, Floats
from recval.games.semivalues import SemiValue


class Permutation(Sampler):
    """One random order a round."""

    kind: Literal["permutation"] = "permutation"

    def evaluations(self, n_players: int) -> int:
        """Return n - 1: the coalitions of nobody and of all are known."""
        return max(n_players - 1, 0)

    def draw(self, n_players: int, semivalue: SemiValue, generator: np.random.Generator) -> Draw:
        """Return the coalitions of the first 1 … n - 1 players of an order."""
        place = generator.permutation(n_players)
        weights = n_players * semivalue.size_probabilities(n_players)[place]
        return Draw(prefixes(place), lambda values, null, grand: weights * _steps(values, null, grand)[place])


def prefixes(place: npt.NDArray[np.integer]) -> Coalitions:
    """Return the coalitions of the players before each place but the first and the last, shape [n - 1, n]."""
    return place < np.arange(1, len(place))[:, None]


def _steps(values: Floats, null: float, grand: float) -> Floats:
    """Return what each place of an order adds, shape [n]."""
    return np.diff(values, prepend=null, append=grand)
