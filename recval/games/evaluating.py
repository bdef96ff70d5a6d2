"""The values of many coalitions, in the batches that a game likes: here, or wherever an executor works."""

from __future__ import annotations

import numpy as np

from recval.engine import Executor
from recval.engine.executor import Report
from recval.games.game import Coalitions, Floats, Game


def in_batches(game: Game, coalitions: Coalitions) -> Floats:
    """Return the value of each coalition, shape [B], evaluated here, at most `game.batch_size` at a time.

    Args:
        game: the game.
        coalitions: shape [B, n_players]; B may be 0.
    """
    if len(coalitions) <= game.batch_size:
        return game.value(coalitions)
    return np.concatenate([game.value(batch) for batch in _batches(game, coalitions)])


def evaluate(game: Game, coalitions: Coalitions, executor: Executor) -> Floats:
    """Return the value of each coalition, shape [B], each batch a task of an executor.

    So the values are the same for any number of workers.

    Args:
        game: the game; it goes to each worker once.
        coalitions: shape [B, n_players]; B may be 0.
        executor: where they are evaluated.
    """
    batches = _batches(game, coalitions)
    found = dict(executor.map(_values, batches, game, lambda position, fraction: None))
    return np.concatenate([np.zeros(0), *(found[position] for position in range(len(batches)))])


def _batches(game: Game, coalitions: Coalitions) -> list[Coalitions]:
    return [coalitions[start : start + game.batch_size] for start in range(0, len(coalitions), game.batch_size)]


def _values(game: Game, coalitions: Coalitions, report: Report) -> Floats:
    return game.value(coalitions)
