"""The Shapley values of votes of neighbours, for many users and items in one pass over the neighbours."""

# ruff: noqa: ANN001, ANN201
# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numpy as np
from numba import njit

from recval.games.nearest_neighbours import nearest


@njit(nogil=True, cache=True, error_model="numpy")
def add_vote_values(indptr, items, similarity, weights, k, total, squares):
    """Add the Shapley values of all training interactions in the games of several users.

    It is the recursion of `recval.games.nearest_neighbours`, run for all items at a time: a user's neighbours come from
    the least alike to the most, and each goes on with the items that it voted for. A neighbour that is not alike gives
    nothing to anybody, and is left out.

    Args:
        indptr: where the interactions of each neighbour begin, shape [n_users + 1], int64.
        items: the items of the interactions, ordered by neighbour, shape [n], int64.
        similarity: how alike each user and each neighbour are, shape [B, n_users], float64.
        weights: how much an item's score is worth to each user, shape [B, n_items], float64.
        k: how many neighbours count for an item.
        total: the values are added to this, shape [n], float64.
        squares: the squares of the values of each user are added to this, shape [n], float64.
    """
    n_items = weights.shape[1]
    for user in range(len(similarity)):
        alike = np.flatnonzero(similarity[user] > 0)
        if len(alike) == 0:
            continue
        order = alike[nearest(-similarity[user][alike], len(alike))]
        rank, value, farther = np.zeros(n_items, np.int64), np.zeros(n_items), np.zeros(n_items)
        for neighbour in order:
            for place in range(indptr[neighbour], indptr[neighbour + 1]):
                rank[items[place]] += 1
        for neighbour in order[::-1]:
            gain = similarity[user, neighbour]
            for place in range(indptr[neighbour], indptr[neighbour + 1]):
                item = items[place]
                value[item] += (gain - farther[item]) / max(k, rank[item])
                farther[item] = gain
                rank[item] -= 1
                worth = weights[user, item] * value[item]
                total[place] += worth
                squares[place] += worth * worth
