"""Games in which a count decides: of gloves, of votes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import comb

from recval.games import SemiValue
from recval.games.game import Coalitions, Floats
from recval.testing.games.base import OracleGame


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
