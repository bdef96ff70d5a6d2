"""Takes steps in order while money is left; compiled, as each depends on all before it."""

from __future__ import annotations

import numpy as np
from numba import njit

from recval.uplift.checks import Floats, Ints


@njit(nogil=True, cache=True)
def taken_within(row: Ints, cost: Floats, left: float, n_rows: int) -> np.ndarray:
    """Return which steps are taken, shape [S]: those that can be paid, of customers who took all their steps before.

    Args:
        row: whose step it is, shape [S].
        cost: of each step, [S].
        left: what may be spent on them.
        n_rows: the number of customers.
    """
    taken = np.zeros(len(row), np.bool_)
    stopped = np.zeros(n_rows, np.bool_)
    for step in range(len(row)):
        if stopped[row[step]]:
            continue
        if cost[step] <= left:
            taken[step] = True
            left -= cost[step]
        else:
            stopped[row[step]] = True
    return taken
