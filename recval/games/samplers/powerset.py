"""The powerset: all coalitions, for the exact semi-value of a few players."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from scipy.special import comb

from recval.errors import ConfigError
from recval.games.game import Floats
from recval.games.samplers.base import Draw, Sampler
from recval.games.semivalues import SemiValue

_MOST_PLAYERS = 20


class Powerset(Sampler):
    """All coalitions in one round; exact. At most 20 players."""

    kind: Literal["powerset"] = "powerset"
    exact: ClassVar[bool] = True

    def check(self, n_players: int, semivalue: SemiValue) -> None:
        """Refuse many players.

        Raises:
            ConfigError: there are more than 20.
        """
        if n_players > _MOST_PLAYERS:
            raise ConfigError(
                f"the powerset of {n_players:,} players is too large, at most {_MOST_PLAYERS} are allowed: group the "
                "players, or take a sampler such as permutation"
            )

    def evaluations(self, n_players: int) -> int:
        """Return 2^n - 2: the coalitions of nobody and of all are known."""
        return max(2**n_players - 2, 0)

    def draw(self, n_players: int, semivalue: SemiValue, generator: np.random.Generator) -> Draw:
        """Return all coalitions in the order of the binary numbers whose bit i tells whether player i is in."""
        n = n_players
        members = (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(np.bool_)
        each = semivalue.size_probabilities(n) / comb(n - 1, np.arange(n))
        weights = np.append(each, 0.0)[members.sum(axis=1)]

        def estimate(values: Floats, null: float, grand: float) -> Floats:
            reached = np.concatenate([[null], values, [grand]])
            return np.array([_mean_step(reached, weights, player) for player in range(n)])

        return Draw(members[1:-1], estimate)


def _mean_step(reached: Floats, weights: Floats, player: int) -> float:
    """Return the weighted sum of what the player adds to all coalitions without it."""
    pairs, weighed = (each.reshape(-1, 2, 2**player) for each in (reached, weights))
    return float(np.sum((pairs[:, 1] - pairs[:, 0]) * weighed[:, 0]))
