"""Values from sums over their estimates, which are all that has to be kept of many."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recval.games.game import Floats
from recval.games.values import Values


def values_of_sums(players: pa.Table, total: Floats, squares: Floats, count: npt.ArrayLike) -> Values:
    """Return the values whose estimates add up to `total`, and their squares to `squares`, both of shape [n].

    Args:
        players: who is valued.
        total: the sums of the estimates.
        squares: the sums of their squares.
        count: how many there are, of each player or of all.
    """
    count = np.broadcast_to(np.asarray(count, np.int64), total.shape).copy()
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    deviations = np.maximum(squares - np.where(count > 0, count * mean**2, 0.0), 0.0)
    return Values(players, mean, np.where(count > 1, deviations / np.maximum(count - 1, 1), np.inf), count)
