"""Where scores stand among others, compiled."""

# ruff: noqa: ANN001, ANN201
# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True, error_model="numpy")
def percentiles(scores, rows, items):
    """Return the share of a row's candidates that score below each of some cells, equal ones counting half.

    A cell is one of its own candidates, so a score that all share stands at 0.5.

    Args:
        scores: NaN for what is no candidate, shape [B, n_items].
        rows: the rows of the cells, shape [m], int64.
        items: their columns, shape [m], int64; each a candidate.

    Returns:
        Shape [m], float64, in (0, 1).
    """
    found = np.empty(len(rows))
    for cell in range(len(rows)):
        row = scores[rows[cell]]
        score = row[items[cell]]
        below = equal = others = 0
        for other in row:
            below += other < score
            equal += other == score
            others += other == other
        found[cell] = (below + 0.5 * equal) / others
    return found
