"""Games without a closed form, and what tests of estimators measure."""

from __future__ import annotations

import numpy as np

from recval.engine import Serial
from recval.errors import ConfigError
from recval.games import Banzhaf, Beta, FunctionGame, Game, LeaveOneOut, MaxRounds, Powerset, Shapley, estimate

SEMIVALUES = [
    Shapley(),
    Beta(alpha=4, beta=1),
    Beta(alpha=1, beta=2),
    Beta(),
    Banzhaf(),
    Banzhaf(probability=0.3),
    LeaveOneOut(),
]


def table_game(n_players, rng, smooth=None):
    """Return a game of random values, one for each coalition, added to those of `smooth`, if given."""
    table = rng.normal(size=2**n_players)
    bits = 1 << np.arange(n_players)
    return FunctionGame(
        n_players, lambda coalitions: table[coalitions @ bits] + (smooth.value(coalitions) if smooth else 0)
    )


def suits(sampler, semivalue):
    """Return whether the sampler is made for the semi-value."""
    try:
        sampler.check(7, semivalue)
    except ConfigError:
        return False
    return True


def by_definition(game, semivalue):
    """Return the sum over the coalitions without the player, one by one, by the probability that each one is joined."""
    n = game.n_players
    found = np.zeros(n)
    for player in range(n):
        for number in range(2**n):
            coalition = (number >> np.arange(n) & 1).astype(bool)
            if coalition[player]:
                continue
            present = coalition.sum()
            joined = coalition | (np.arange(n) == player)
            gain = game.value(joined[None])[0] - game.value(coalition[None])[0]
            found[player] += gain * semivalue.moment(present, n - 1 - present)
    return found


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


class BatchGame(Game):
    """A game whose values are rounded by where in a batch they are, as matrix products may be."""

    n_players, batch_size = 6, 64

    def value(self, coalitions):
        return np.sqrt(coalitions @ np.arange(1.0, 7)) + np.arange(len(coalitions)) * 1e-14


class Backwards:
    """An executor that completes the last task first."""

    def map(self, function, tasks, shared, on_progress):
        for position in reversed(range(len(tasks))):
            yield position, function(shared, tasks[position], lambda fraction: None)
