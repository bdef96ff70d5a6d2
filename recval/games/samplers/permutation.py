"""Permutations: the players come one after the other, and each is worth what it adds to those before it.

An order of n players costs n - 1 evaluations and gives each player one marginal contribution; all sizes are equally
likely, so other semi-values than Shapley's weigh them by n p_k. The Shapley estimate of every single order adds up to
v(N) - v(nobody). The one to begin with for Shapley; where p_k is far from uniform most of the orders is wasted, and
`Owen` or `Reuse` is better.

Source: Castro, Gómez, Tejada, "Polynomial calculation of the Shapley value based on sampling", 2009.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from recval.games.game import Coalitions, Floats
from recval.games.samplers.base import Draw, Sampler
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
        weights = size_weights(n_players, semivalue)
        return Draw(prefixes(place), lambda values, null, grand: (weights * steps(values, null, grand))[place])


def size_weights(n_players: int, semivalue: SemiValue) -> Floats:
    """Return n p_k, the weight of a marginal contribution at each place of an order, shape [n]; 1 for Shapley."""
    return semivalue.size_probabilities(n_players) / (1 / n_players)


def prefixes(place: npt.NDArray[np.integer]) -> Coalitions:
    """Return the coalitions of those who come first: 1, 2 … n - 1 players, shape [n - 1, n].

    Args:
        place: the place of each player in the order, from 0, shape [n].
    """
    return place < np.arange(1, len(place))[:, None]


def steps(values: Floats, null: float, grand: float) -> Floats:
    """Return what each place of an order adds, shape [n], from the values of its prefixes, shape [n - 1]."""
    reached = np.empty(len(values) + 2)
    reached[0], reached[1:-1], reached[-1] = null, values, grand
    return reached[1:] - reached[:-1]
