"""A training step of matrix factorisation on the BPR loss, compiled for CPUs.

The samples of a batch are triplets (u, i, j) with the margin x = p_u (q_i - q_j). A step is exactly one step of
descent on the mean over the batch of

    w (log(1 + exp(-x)) + decay / 2 (|p_u|^2 + |q_i|^2 + |q_j|^2)),

by row-wise Adagrad: a row of a table moves by learning_rate / sqrt(s) times its gradient, where s adds up the mean
squares of all its gradients. It goes in three passes: the losses and slopes of all samples; the sums of the gradients
of each row that the batch touches; the moves of these rows. One thread does it all in a fixed order: the same input
gives the same bits, however many threads there are.

Reference:
    Duchi et al. "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization." JMLR 2011.
"""

# ruff: noqa: ANN001, ANN201, ANN202
# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numpy as np
from numba import njit

_ONE = np.float32(1)
_REORDERED = {"reassoc", "contract"}


@njit(nogil=True, fastmath=_REORDERED, error_model="numpy")
def losses_and_slopes(users, items, user, item, negative, losses, slopes):
    """Write log(1 + exp(-x)) of each sample to `losses`, and 1 / (1 + exp(x)), which is minus its slope, to `slopes`.

    Args:
        users: the vectors of users, shape [n_users, d], float32.
        items: the vectors of items, shape [n_items, d], float32.
        user: codes, shape [B], int64.
        item: codes, shape [B], int64.
        negative: codes, shape [B], int64.
        losses: shape [B], float32.
        slopes: shape [B], float32.

    Raises:
        IndexError: a code has no row, or the columns of the batch differ in length.
    """
    if not len(user) == len(item) == len(negative):
        raise IndexError("the columns of a batch must have one length")
    for m in range(len(user)):
        u, i, j = user[m], item[m], negative[m]
        if min(u, i, j) < 0 or u >= len(users) or max(i, j) >= len(items):
            raise IndexError("a sample's user or item is not one that the model was built for")
        margin = np.float32(0)
        for k in range(users.shape[1]):
            margin += users[u, k] * (items[i, k] - items[j, k])
        small = np.exp(-abs(margin))
        losses[m] = max(-margin, np.float32(0)) + np.log1p(small)
        slopes[m] = (small if margin > 0 else _ONE) / (_ONE + small)


@njit(nogil=True, fastmath=_REORDERED, error_model="numpy")
def add_gradients(users, items, user, item, negative, slopes, weights, decay, of_users, of_items):
    """Add up the gradients of the rows that the batch touches, and return how many users and items these are.

    Args:
        users: see `losses_and_slopes`.
        items: see `losses_and_slopes`.
        user: see `losses_and_slopes`.
        item: see `losses_and_slopes`.
        negative: see `losses_and_slopes`.
        slopes: of `losses_and_slopes`.
        weights: shape [B], float32.
        decay: the weight of the squared norms.
        of_users: where the gradients of users go: (sums [at least as many rows as are touched, d], zero at first;
            rows [as many], int64, the row of the table that each sum is of; places [n_users], int32, -1 at first).
        of_items: where the gradients of items go, likewise.
    """
    user_sums, touched_users, user_places = of_users
    item_sums, touched_items, item_places = of_items
    n_users = n_items = 0
    for m in range(len(user)):
        u, i, j = user[m], item[m], negative[m]
        a = _place(u, touched_users, user_places, n_users)
        n_users = max(n_users, a + 1)
        b = _place(i, touched_items, item_places, n_items)
        n_items = max(n_items, b + 1)
        c = _place(j, touched_items, item_places, n_items)
        n_items = max(n_items, c + 1)
        weight = weights[m] / np.float32(len(user))
        pull, shrink = weight * slopes[m], weight * decay
        for k in range(users.shape[1]):
            p, q, r = users[u, k], items[i, k], items[j, k]
            user_sums[a, k] += shrink * p - pull * (q - r)
            item_sums[b, k] += shrink * q - pull * p
            item_sums[c, k] += shrink * r + pull * p
    return n_users, n_items


@njit(nogil=True, inline="always")
def _place(row, touched, places, n):
    """The place of the sums of a row: the n-th, if it has none yet. There is no branch that could be mispredicted."""
    place = places[row]
    place = n if place < 0 else place
    places[row] = place
    touched[place] = row
    return place


@njit(nogil=True, fastmath=_REORDERED, error_model="numpy")
def move(table, squares, gradients, n, learning_rate):
    """Move the rows that a batch touched, and leave the workspace as it was before `add_gradients`.

    A row whose gradient is zero stays as it is.

    Args:
        table: shape [rows, d], float32.
        squares: the sums of the mean squares of each row's gradients, shape [rows], float32.
        gradients: `of_users` or `of_items` of `add_gradients`.
        n: how many rows were touched.
        learning_rate: the step size.
    """
    sums, touched, places = gradients
    width = table.shape[1]
    for place in range(n):
        row = touched[place]
        places[row] = -1
        square = np.float32(0)
        for k in range(width):
            square += sums[place, k] * sums[place, k]
        if square != 0:
            squares[row] += square / np.float32(width)
            size = learning_rate / np.sqrt(squares[row])
            for k in range(width):
                table[row, k] -= size * sums[place, k]
        sums[place] = 0
