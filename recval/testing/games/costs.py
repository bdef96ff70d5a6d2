"""Costs that players share: of a runway, of pipes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from recval.games import SemiValue
from recval.games.game import Coalitions, Floats
from recval.testing.games.base import OracleGame


class AirportGame(OracleGame):
    """A runway costs what its largest plane needs (Littlechild & Owen, 1973).

    Each part of the runway is needed by the planes of at least that length; one of them decides on its cost if all the
    others are absent.

    Args:
        costs: the cost of the runway that each plane needs, at least 0, shape [n].
    """

    def __init__(self, costs: npt.ArrayLike) -> None:
        self.costs = np.asarray(costs, np.float64)
        self.n_players = len(self.costs)

    def value(self, coalitions: Coalitions) -> Floats:
        return np.where(coalitions, self.costs, 0.0).max(axis=1, initial=0.0)

    def exact(self, semivalue: SemiValue) -> Floats:
        order = np.argsort(self.costs)
        others = np.arange(self.n_players)[::-1]
        parts = np.diff(self.costs[order], prepend=0.0) * semivalue.moment(0, others)
        found = np.empty(self.n_players)
        found[order] = np.cumsum(parts)
        return found


class SpanningTreeGame(OracleGame):
    """Houses are joined to a well by pipes as cheaply as can be: the cost of a minimum spanning tree (Bird, 1976).

    The houses stand in villages. A pipe from the well to a house costs what the village is far, one between two of its
    houses less, one between villages both ways to the well. So the tree is a long pipe to each village and short ones
    in it, and a house decides on the long one if it is alone there.

    Args:
        houses: of each village.
        far: what a pipe from the well costs, of each village.
        near: what a pipe within each village costs, at most what the one from the well does.
    """

    def __init__(self, houses: Sequence[int], far: npt.ArrayLike, near: npt.ArrayLike) -> None:
        village = np.repeat(np.arange(len(houses)), houses)
        self.n_players = len(village)
        self.far, self.near = np.asarray(far, np.float64)[village], np.asarray(near, np.float64)[village]
        self.neighbours = np.asarray(houses)[village] - 1
        same = village[:, None] == village
        self.pipes = np.where(same, self.near[:, None], self.far[:, None] + self.far)

    def value(self, coalitions: Coalitions) -> Floats:
        """Return the costs by Prim's algorithm, on all coalitions at a time."""
        cost = np.zeros(len(coalitions))
        rows = np.arange(len(coalitions))
        outside = coalitions.copy()
        cheapest = np.tile(self.far, (len(coalitions), 1))
        for _ in range(self.n_players):
            house = np.where(outside, cheapest, np.inf).argmin(axis=1)
            cost += np.where(outside[rows, house], cheapest[rows, house], 0.0)
            joined = outside[rows, house]
            cheapest[joined] = np.minimum(cheapest[joined], self.pipes[house[joined]])
            outside[rows, house] = False
        return cost

    def exact(self, semivalue: SemiValue) -> Floats:
        return self.near + (self.far - self.near) * semivalue.moment(0, self.neighbours)
