r"""The inverse of a Gram matrix that follows the matrix's rows as these come and go.

With :math:`P = (X^\top X + \lambda I)^{-1}`, and rows V that come (sign +1) or go (sign -1), Woodbury's identity reads

.. math:: P' = P - P V^\top C^{-1} V P, \qquad C = \operatorname{diag}(s) + V P V^\top,

and with :math:`C = Q \operatorname{diag}(c) Q^\top` it is :math:`P - A^\top \operatorname{diag}(1/c) A`, where
:math:`A = Q^\top V P`. The rows of A are kept beside P, which takes them up when there are many. So a user that comes
costs the product of its own row and the update of X P, and neither a factorisation nor a pass over P.

Every update adds rounding errors, so after `UPDATES` of them the matrix is inverted afresh. After those of all users of
ml-100k in a random order EASE's scores are off by 6e-15.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from scipy.linalg import eigh, lapack

from recval.data.interactions import Codes
from recval.valuation.recommender_games.cells import Cells
from recval.valuation.recommender_games.utilities.base import Mask

Floats = npt.NDArray[np.float64]
UPDATES = 1024
"""How many rows may come and go before the matrix is inverted afresh."""
_PENDING = 64
"""How many updates are kept beside the inverse."""


class InverseGram:
    """The inverse Gram matrix of the cells that are kept; at first none are.

    Args:
        cells: all cells.
        regularisation: lambda, above 0.

    Attributes:
        matrix: X, the ones of the cells that are kept, shape [n_users, n_items].
        products: X P, shape [n_users, n_items].
        diagonal: the diagonal of P, shape [n_items].
    """

    def __init__(self, cells: Cells, regularisation: float) -> None:
        self._cells = cells
        self._regularisation = regularisation
        self._kept: Mask
        self.matrix: sparse.csr_array
        self._clear()

    def move_to(self, kept: Mask) -> None:
        """Keep other cells, by the cheapest of updates from here, updates from no cells, and an inversion.

        Args:
            kept: which cells, shape [n_cells].
        """
        matrix = self._cells.matrix(kept)
        changed = np.unique(self._cells.user[kept ^ self._kept])
        here = _filled(self.matrix[changed]) + _filled(matrix[changed])
        if self._updates + here > UPDATES:
            here = UPDATES + 1
        if self._is_dear(min(here, _filled(matrix))):
            self._invert(matrix)
        else:
            if _filled(matrix) < here:
                self._clear()
                changed = np.flatnonzero(np.diff(matrix.indptr))
            self._update(changed, matrix)
        self._kept, self.matrix = kept, matrix

    def _is_dear(self, rank: int) -> bool:
        """Return whether updates by so many rows take more operations than an inversion."""
        n_users, n_items = self._cells.shape
        return rank > UPDATES or 2 * rank * (n_users + n_items) > n_items**2

    def _clear(self) -> None:
        """Keep no cells."""
        n_users, n_items = self._cells.shape
        self._kept = np.zeros(len(self._cells), np.bool_)
        self.matrix = self._cells.matrix(self._kept)
        self._set(np.diag(np.full(n_items, 1 / self._regularisation)), np.zeros((n_users, n_items)))

    def _invert(self, matrix: sparse.csr_array) -> None:
        gram = (matrix.T @ matrix).toarray()
        gram[np.diag_indices_from(gram)] += self._regularisation
        factor, _ = lapack.dpotrf(gram.T, overwrite_a=True)
        upper, _ = lapack.dpotri(factor, overwrite_c=True)
        inverse = np.triu(upper) + np.triu(upper, 1).T
        self._set(inverse, matrix @ inverse)

    def _set(self, inverse: Floats, products: Floats) -> None:
        self._inverse, self.products = inverse, products
        self.diagonal = inverse.diagonal().copy()
        self._rows, self._scales = np.zeros((0, len(inverse))), np.zeros(0)
        self._updates = 0

    def _update(self, changed: Codes, matrix: sparse.csr_array) -> None:
        """Let the rows of the users that changed go, and come as they are in the new matrix."""
        coming, going = (_nonempty(rows[changed]) for rows in (matrix, self.matrix))
        moved = sparse.csr_array(sparse.vstack([coming, going]))
        signs = np.repeat([1.0, -1.0], [coming.shape[0], going.shape[0]])
        through = self._times(moved)
        eigenvalues, vectors = eigh(moved @ through.T + np.diag(signs), check_finite=False)
        rows, scales = vectors.T @ through, 1 / eigenvalues
        self.diagonal -= scales @ rows**2
        _subtract(self.products, (matrix @ rows.T) * scales, rows)
        self._rows, self._scales = np.concatenate([self._rows, rows]), np.concatenate([self._scales, scales])
        self._updates += len(rows)
        if len(self._rows) > _PENDING:
            _subtract(self._inverse, self._rows.T * self._scales, self._rows)
            self._rows, self._scales = self._rows[:0], self._scales[:0]
        self.products[changed] = self._times(matrix[changed])

    def _times(self, vectors: sparse.csr_array) -> Floats:
        """Return the product of row vectors and P, shape [r, n_items]."""
        return vectors @ self._inverse - ((vectors @ self._rows.T) * self._scales) @ self._rows


def _filled(matrix: sparse.csr_array) -> int:
    """Return the number of rows that are not empty."""
    return int(np.count_nonzero(np.diff(matrix.indptr)))


def _nonempty(matrix: sparse.csr_array) -> sparse.csr_array:
    """Return the rows that are not empty."""
    return matrix[np.flatnonzero(np.diff(matrix.indptr))]


def _subtract(target: Floats, left: Floats, right: Floats) -> None:
    """Subtract a product of matrices in place."""
    torch.from_numpy(target).addmm_(torch.from_numpy(np.ascontiguousarray(left)), torch.from_numpy(right), alpha=-1)
