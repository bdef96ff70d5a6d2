"""Games whose semi-values are known in closed form, to test estimators on.

Each is a `Game` with `exact(semivalue)`, for every semi-value. Most are sums of games of which one knows what decides:
a player's marginal contribution is then a probability, the semi-value's `moment`. Sources are the textbooks' examples;
Peleg & Sudhölter, "Introduction to the theory of cooperative games", 2007, has most of them.

    for game in oracle_games().values():
        found = estimate(game, MyEstimator(), Shapley(), MaxRounds(rounds=4096), seed=0).values
        assert z_scores(found, game.exact(Shapley())).max() < 4.5
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import comb

from recval.games import Game, SemiValue, Values
from recval.games.game import Coalitions, Floats


class OracleGame(Game):
    """Base of games with known semi-values."""

    batch_size = 2048

    @abstractmethod
    def exact(self, semivalue: SemiValue) -> Floats:
        """Return the semi-value of each player, shape [n]."""


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


class GloveGame(OracleGame):
    """Left and right gloves are worth something in pairs only; the same as a market of shoes (Shapley, 1959).

    A left glove decides if there are fewer left than right ones without it.

    Args:
        left: how many players have a left glove; they come first.
        right: how many have a right one.
    """

    def __init__(self, left: int, right: int) -> None:
        self.left, self.right = left, right
        self.n_players = left + right

    def value(self, coalitions: Coalitions) -> Floats:
        left, right = coalitions[:, : self.left].sum(axis=1), coalitions[:, self.left :].sum(axis=1)
        return np.minimum(left, right).astype(np.float64)

    def exact(self, semivalue: SemiValue) -> Floats:
        sides = [(self.left, self.right), (self.right, self.left)]
        return np.concatenate([np.full(own, self._of_one(own, other, semivalue)) for own, other in sides])

    def _of_one(self, own: int, other: int, semivalue: SemiValue) -> float:
        if not own:
            return 0.0
        alike, opposite = np.meshgrid(np.arange(own), np.arange(other + 1), indexing="ij")
        present = alike + opposite
        ways = comb(own - 1, alike) * comb(other, opposite)
        chances = ways * semivalue.moment(present, self.n_players - 1 - present)
        return float(chances[alike < opposite].sum())


class VotingGame(OracleGame):
    """A motion is passed by the votes of a quota; a player's value is its power index (Shapley & Shubik, Banzhaf).

    How many coalitions of the others have k members and w votes is told by a generating function, the product of
    (1 + x y^votes) over them.

    Args:
        votes: of each player, at least 0, shape [n].
        quota: the votes that it takes, at least 1.
    """

    def __init__(self, votes: Sequence[int], quota: int) -> None:
        self.votes = np.asarray(votes, np.int64)
        self.quota = quota
        self.n_players = len(self.votes)

    def value(self, coalitions: Coalitions) -> Floats:
        return (coalitions @ self.votes >= self.quota).astype(np.float64)

    def exact(self, semivalue: SemiValue) -> Floats:
        members = np.arange(self.n_players)
        chances = semivalue.moment(members, self.n_players - 1 - members)
        return np.array([self._swings(player) @ chances for player in members])

    def _swings(self, player: int | np.integer) -> Floats:
        """Return the number of coalitions of k others in which the player decides, shape [n]."""
        ways = np.zeros((self.n_players, self.votes.sum() + 1))
        ways[0, 0] = 1
        for votes in np.delete(self.votes, player):
            ways[1:, votes:] += ways[:-1, : ways.shape[1] - votes].copy()
        return ways[:, max(self.quota - self.votes[player], 0) : self.quota].sum(axis=1)


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


def oracle_games() -> dict[str, OracleGame]:
    """Return one game of each kind, of six to eight players, by name."""
    rng = np.random.default_rng(0)
    groups = [rng.choice(7, size=size, replace=False).tolist() for size in (1, 1, 2, 2, 2, 3, 3, 4, 5, 7)]
    return {
        "additive": AdditiveGame([3.0, -1.0, 0.0, 0.5, 2.0, 1e-3]),
        "symmetric": SymmetricGame(np.sqrt(np.arange(8)) + 0.25),
        "unanimity": UnanimityGame(7, [([], 0.5), *zip(groups, rng.normal(size=len(groups)), strict=True)]),
        "airport": AirportGame([1, 1, 2, 5, 3, 5, 8]),
        "glove": GloveGame(2, 5),
        "voting": VotingGame([5, 4, 3, 3, 2, 2, 1], quota=11),
        "spanning tree": SpanningTreeGame([1, 2, 4], far=[3, 7, 5], near=[3, 2, 1]),
    }


def z_scores(values: Values, exact: Floats) -> Floats:
    """Return how many standard errors each value is from the exact one, shape [n]; 0 where they are equal to 1e-9."""
    difference = np.abs(values.value - exact)
    equal = difference <= 1e-9 * max(np.abs(exact).max(initial=0.0), 1.0)
    found = np.where(equal, 0.0, np.inf)
    return np.divide(difference, values.standard_error, where=~equal & (values.standard_error > 0), out=found)
