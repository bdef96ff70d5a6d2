"""The values of many coalitions, evaluated where an executor works."""

from __future__ import annotations

import numpy as np

from recval.engine import Executor
from recval.engine.executor import Report
from recval.games.game import Coalitions, Floats, Game


def evaluate(game: Game, coalitions: Coalitions, executor: Executor) -> Floats:
    """Return the value of each coalition, shape [B].

    They are given out in the game's batches, so that the values are the same for any number of workers.

    Args:
        game: the game; it goes to each worker once.
        coalitions: shape [B, n_players].
        executor: where they are evaluated.
    """
    batches = [coalitions[start : start + game.batch_size] for start in range(0, len(coalitions), game.batch_size)]
    found = dict(executor.map(_values, batches, game, lambda position, fraction: None))
    return np.concatenate([np.zeros(0), *(found[position] for position in range(len(batches)))])


def _values(game: Game, coalitions: Coalitions, report: Report) -> Floats:
    return game.value(coalitions)
