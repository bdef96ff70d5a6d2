"""How much a user's other interactions speak for an item, as if this one interaction had never been seen.

A model that was trained on an interaction knows it by heart, and so cannot tell whether it was to be expected. Both
functions here leave out exactly the interaction that is asked about, of every pair by itself and without building
anything again; a pair that is no interaction is scored as it is. A pair may be asked about in any order and number.

- `cosine_support`: the mean cosine similarity of the item to the user's other items. It takes memory of a block of
  users and time in the number of pairs of interactions that share an item, so it serves catalogues of any size.
- `ease_support`: the score of EASE, which weighs the user's items against one another. It inverts a matrix of all pairs
  of items, so it is for catalogues of up to `EASE_ITEMS` items.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.sparse as sp

from recval.data import Interactions
from recval.data.interactions import Codes
from recval.errors import DataError

Floats = npt.NDArray[np.float64]
Number = TypeVar("Number", float, npt.NDArray[np.float64])
EASE_ITEMS = 20_000
"""The largest catalogue for `ease_support`: its matrix takes 3.2 GB."""
USERS_A_BLOCK = 256


def cosine_support(train: Interactions, users: Codes, items: Codes) -> Floats:
    """Return the mean cosine similarity of each pair's item to the user's other items, from 0 to 1, shape [n].

    The similarity of two items is the number of other users who have both, over the root of the product of the numbers
    of other users who have each; the user's own interactions are left out of all three. 0 where the user has no other
    item.

    Args:
        train: the interactions; a pair counts once.
        users: codes of the pairs' users, shape [n].
        items: codes of the pairs' items, shape [n].
    """
    matrix = _matrix(train)
    transposed = matrix.T.tocsr()
    counts = np.bincount(matrix.indices, minlength=matrix.shape[1]).astype(np.float64)
    others = np.maximum(counts - 1, 1)
    weighted = matrix @ sp.diags(others**-0.5)
    own = np.asarray(weighted.sum(axis=1)).ravel()
    sizes = np.diff(matrix.indptr)
    found = np.zeros(len(users))
    for block, pairs in _blocks(users):
        # The user's own row adds to each sum over users; it is taken off below, as is the item itself.
        overlap = weighted[block] @ transposed
        sums = np.asarray((overlap @ matrix).todense())
        user, item = users[pairs] - block.start, items[pairs]
        is_known = np.asarray(matrix[users[pairs], items[pairs]]).ravel() > 0
        itself = own[users[pairs]] + (counts[item] - 1) / np.sqrt(others[item])
        total = sums[user, item] - is_known * itself
        size = sizes[users[pairs]] - is_known
        found[pairs] = total / np.sqrt(np.maximum(counts[item] - is_known, 1)) / np.maximum(size, 1)
    return found


def ease_support(train: Interactions, users: Codes, items: Codes, regularisation: float = 250.0) -> Floats:
    r"""Return the score that EASE, fitted without the pair's own interaction, gives to each pair, shape [n].

    EASE (Steck, WWW 2019) has :math:`B_{ji} = -P_{ji} / P_{ii}` with :math:`P = (X^\top X + \lambda I)^{-1}`, and its
    score is :math:`x_u^\top B_{\cdot i}`. Leaving out one interaction changes :math:`X^\top X` by a matrix of rank two,

    .. math:: G - [x, e_i] \begin{pmatrix} 0 & 1 \\ 1 & -1 \end{pmatrix} [x, e_i]^\top,

    so by Woodbury's identity the score without it follows from :math:`x^\top P x`, :math:`(P x)_i` and :math:`P_{ii}`.

    Args:
        train: the interactions; a pair counts once.
        users: codes of the pairs' users, shape [n].
        items: codes of the pairs' items, shape [n].
        regularisation: lambda.

    Raises:
        DataError: there are more than `EASE_ITEMS` items.
    """
    check_ease(train)
    matrix = _matrix(train)
    n_items = matrix.shape[1]
    gram = (matrix.T @ matrix).toarray()
    gram[np.diag_indices(n_items)] += regularisation
    inverse = scipy.linalg.inv(gram, overwrite_a=True, check_finite=False)
    diagonal = inverse.diagonal()
    found = np.zeros(len(users))
    for block, pairs in _blocks(users):
        rows = matrix[block]
        products = rows @ inverse
        quadratic = np.asarray(rows.multiply(products).sum(axis=1)).ravel()
        user, item = users[pairs] - block.start, items[pairs]
        is_known = np.asarray(rows[user, item]).ravel() > 0
        b, c = products[user, item], diagonal[item]
        found[pairs] = np.where(is_known, _without(quadratic[user], b, c), -b / c)
    return found


def without_interaction(a: Number, b: Number, c: Number) -> tuple[Number, Number, Number]:
    r"""Return w00, w01 = w10 and w11 of the matrix W with which the inverse Gram matrix leaves out an interaction.

    With x the user's row and P the inverse with the interaction with item i, the inverse without it is
    :math:`P + P Z W Z^\top P` with :math:`Z = [x, e_i]`: the inner matrix of Woodbury's identity is the inverse of
    ``[[1, 1], [1, 0]] - [[a, b], [b, c]]``.

    Args:
        a: x'Px.
        b: (Px)_i.
        c: P_ii.
    """
    determinant = -(1 - a) * c - (1 - b) ** 2
    return -c / determinant, (b - 1) / determinant, (1 - a) / determinant


def check_ease(train: Interactions) -> None:
    """Check that the catalogue is not too large for `ease_support`.

    Raises:
        DataError: there are more than `EASE_ITEMS` items.
    """
    if len(train.items) > EASE_ITEMS:
        raise DataError(
            f"the input ease inverts a matrix of all pairs of items, for up to {EASE_ITEMS:,} items; "
            f"found {len(train.items):,}; use cosine"
        )


def _without(a: Floats, b: Floats, c: Floats) -> Floats:
    """Return EASE's score without the interaction, from x'Px, (Px)_i and P_ii of the fit with it."""
    w00, w01, w11 = without_interaction(a, b, c)
    first, second = w00 * b + w01 * c, w01 * b + w11 * c
    numerator = (b - c) + (a - b) * first + (b - c) * second
    return -numerator / (c + b * first + c * second)


def _matrix(train: Interactions) -> sp.csr_matrix:
    """Return the interactions as a matrix of zeros and ones, shape [n_users, n_items]."""
    shape = len(train.users), len(train.items)
    matrix = sp.csr_matrix((np.ones(len(train)), (train.user, train.item)), shape=shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def _blocks(users: Codes) -> Iterator[tuple[slice, npt.NDArray[np.intp]]]:
    """Yield blocks of user codes, each with the positions of the pairs whose user is in it."""
    order = np.argsort(users, kind="stable")
    ascending = users[order]
    for start in range(0, int(ascending[-1]) + 1 if len(users) else 0, USERS_A_BLOCK):
        low, high = np.searchsorted(ascending, [start, start + USERS_A_BLOCK])
        if high > low:
            yield slice(start, start + USERS_A_BLOCK), order[low:high]
