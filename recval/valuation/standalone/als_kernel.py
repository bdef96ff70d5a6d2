"""Margins of ALS without one interaction of the user, compiled."""

# ruff: noqa: ANN001, ANN201
# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numpy as np
from numba import njit

from recval.backbones.als_kernel import gram


@njit(nogil=True, cache=True, error_model="numpy")
def own_changes(indptr, items, place, margins, factors, alpha, regularisation, total, squares):
    """Add how much each interaction adds to the margins of its own user's validation items.

    Args:
        indptr: where each user's interactions begin, shape [n_users + 1], int64.
        items: their items, shape [n], int64.
        place: each user's place among the validation users, -1 for none, shape [n_users].
        margins: where each validation user's items begin [V + 1], the items [m], and the unwanted ones beside [m, k].
        factors: the items' factors, shape [n_items, d].
        alpha: as in ALS.
        regularisation: lambda.
        total: the changes are added to this, shape [n].
        squares: their squares are added to this, shape [n].
    """
    starts, wanted, unwanted = margins
    everywhere = gram(factors, regularisation)
    for user in range(len(place)):
        first, last = indptr[user], indptr[user + 1]
        if place[user] < 0 or first == last:
            continue
        mine = factors[items[first:last]]
        solved = np.linalg.solve(everywhere + alpha * (mine.T @ mine), np.ascontiguousarray(mine.T))
        own = mine @ ((1 + alpha) * solved.sum(axis=1))
        for row in range(last - first):
            leverage = (mine[row] * solved[:, row]).sum()
            moved = solved[:, row] * ((1 + alpha - alpha * own[row]) / (1 - alpha * leverage))
            for cell in range(starts[place[user]], starts[place[user] + 1]):
                change = (factors[wanted[cell]] * moved).sum()
                for other in unwanted[cell]:
                    change -= (factors[other] * moved).sum() / unwanted.shape[1]
                total[first + row] += change
                squares[first + row] += change * change
