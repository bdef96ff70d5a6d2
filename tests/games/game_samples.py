"""Games without a closed form, and what tests of estimators measure."""

from __future__ import annotations

import numpy as np

from recval.engine import Serial
from recval.games import FunctionGame, MaxRounds, Powerset, estimate


def table_game(n_players, rng, smooth=None):
    """Return a game of random values, one for each coalition, added to those of `smooth`, if given."""
    table = rng.normal(size=2**n_players)
    bits = 1 << np.arange(n_players)
    return FunctionGame(
        n_players, lambda coalitions: table[coalitions @ bits] + (smooth.value(coalitions) if smooth else 0)
    )


def brute_force(game, semivalue):
    """Return the semi-values over all coalitions."""
    return estimate(game, Powerset(), semivalue, MaxRounds(rounds=1), seed=0).values.value


def made(estimator, game, semivalue, n_rounds, seed=0):
    """Return the estimates of the first rounds, shape [R, n], and what each cost."""
    return estimator.prepare(game, semivalue, seed, Serial()).make(range(n_rounds), seed)


class Counting(FunctionGame):
    """A game that counts the coalitions that it is asked for, nobody and all apart."""

    def __init__(self, game):
        super().__init__(game.n_players, self._counted)
        self.game, self.evaluations = game, 0

    def _counted(self, coalitions):
        self.evaluations += int((coalitions.any(1) & ~coalitions.all(1)).sum())
        return self.game.value(coalitions)


class Backwards:
    """An executor that completes the last task first."""

    def map(self, function, tasks, shared, on_progress):
        for position in reversed(range(len(tasks))):
            yield position, function(shared, tasks[position], lambda fraction: None)
