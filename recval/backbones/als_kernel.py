"""The exact step of alternating least squares, compiled."""

# ruff: noqa: ANN001, ANN201
# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True, error_model="numpy")
def solve(indptr, columns, others, alpha, regularisation):
    """Return the factors of all rows for given factors of the columns, shape [n_rows, d].

    Args:
        indptr: where each row's cells begin, shape [n_rows + 1], int64.
        columns: the columns of the cells, shape [n], int64.
        others: the factors of the columns, shape [n_columns, d], float64.
        alpha: how much more a cell weighs than its absence.
        regularisation: lambda.
    """
    found = np.zeros((len(indptr) - 1, others.shape[1]))
    everywhere = gram(others, regularisation)
    for row in range(len(found)):
        mine = others[columns[indptr[row] : indptr[row + 1]]]
        if len(mine):
            found[row] = np.linalg.solve(everywhere + alpha * (mine.T @ mine), (1 + alpha) * mine.sum(axis=0))
    return found


@njit(nogil=True, cache=True, error_model="numpy")
def gram(others, regularisation):
    """Return Q'Q + lambda I, shape [d, d]."""
    return others.T @ others + regularisation * np.eye(others.shape[1])
