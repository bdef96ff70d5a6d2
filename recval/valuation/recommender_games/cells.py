"""Cells: the distinct (user, item) pairs of the training interactions, as the entries of a sparse matrix."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy import sparse

from recval.data import Interactions
from recval.data.interactions import Codes
from recval.valuation.recommender_games.utilities.base import Mask


class Cells:
    """The matrix of ones of the rows that are kept; its pattern is that of all rows, so that only its numbers change.

    Args:
        train: the training interactions.

    Attributes:
        user: the user of each cell, ascending, shape [n_cells].
        item: the item of each cell, shape [n_cells].
        shape: numbers of users and items.
    """

    def __init__(self, train: Interactions) -> None:
        n_items = len(train.items)
        keys, of_row = np.unique(train.user * n_items + train.item, return_inverse=True)
        self.user, self.item = keys // n_items, keys % n_items
        self.shape = len(train.users), n_items
        self._of_row = of_row.reshape(-1)

    def __len__(self) -> int:
        return len(self.user)

    def kept(self, rows: Mask) -> Mask:
        """Return which cells have a row that is kept, shape [n_cells]."""
        found = np.zeros(len(self), np.bool_)
        found[self._of_row[rows]] = True
        return found

    @cached_property
    def indptr(self) -> Codes:
        """Where each user's cells begin, and where the last one's end, shape [n_users + 1]."""
        return np.searchsorted(self.user, np.arange(self.shape[0] + 1)).astype(np.int64)

    def matrix(self, kept: Mask) -> sparse.csr_array:
        """Return the matrix with ones where a cell is kept, shape [n_users, n_items]; other cells are not stored."""
        indptr = np.concatenate([[0], np.cumsum(kept)])[self.indptr]
        return sparse.csr_array((np.ones(indptr[-1]), self.item[kept], indptr), shape=self.shape)


def entries(matrix: sparse.csr_array, rows: Codes) -> tuple[Codes, Codes]:
    """Return the cells of some rows of a sparse matrix: positions in `rows`, and columns."""
    counts = matrix.indptr[rows + 1] - matrix.indptr[rows]
    ends = np.cumsum(counts)
    positions = np.arange(counts.sum()) + np.repeat(matrix.indptr[rows] - (ends - counts), counts)
    return np.repeat(np.arange(len(rows)), counts), matrix.indices[positions]
