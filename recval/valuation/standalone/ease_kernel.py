"""Margins of EASE without one interaction or one user, for all validation users, compiled."""

# ruff: noqa: ANN001, ANN201, ANN202
# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numpy as np
from numba import njit

from recval.adapter.leave_one_out import without_interaction

_without_interaction = njit(nogil=True, cache=True, error_model="numpy")(without_interaction)


@njit(nogil=True, cache=True, error_model="numpy")
def interaction_changes(inverse, products, margins, of_user, product, overlap, removed, total, squares):
    """Write how much each of a user's interactions adds to the margins.

    Args:
        inverse: P, the inverse Gram matrix, shape [I, I], float64.
        products: rows of validation users times P, transposed, shape [I, V], float64.
        margins: where each validation user's cells begin [V + 1], their items [C], weights [C], scores [C], and what
            the user's row times P has at the item [C].
        of_user: the user's place among the validation users, -1 for none.
        product: P x of the user, shape [I].
        overlap: the rows of the validation users times P x, shape [V].
        removed: the items of the user's interactions, shape [n].
        total: the sums over validation users of the changes are written to this, shape [n].
        squares: the sums of their squares, shape [n].
    """
    n_items = len(inverse)
    quadratic = product[removed].sum()
    first, second, scale = np.empty(n_items), np.empty(n_items), np.empty(n_items)
    for place in range(len(removed)):
        item = removed[place]
        row = inverse[item]
        b, c = product[item], row[item]
        w00, w01, w11 = _without_interaction(quadratic, b, c)
        for j in range(n_items):
            first[j] = w00 * product[j] + w01 * row[j]
            second[j] = w01 * product[j] + w11 * row[j]
            scale[j] = -1 / (inverse[j, j] + product[j] * first[j] + row[j] * second[j])
        total[place], squares[place] = _changes(
            row, item, margins, overlap, products[item], (first, second, scale), of_user
        )


@njit(nogil=True, cache=True, error_model="numpy")
def _changes(row, item, margins, overlap, at_item, update, of_user):
    """Return the sum over validation users of the changes without an interaction, and that of their squares."""
    starts, items, weights, scores, at_cells = margins
    first, second, scale = update
    sum_, sum_of_squares = 0.0, 0.0
    for user in range(len(starts) - 1):
        change = 0.0
        p, q = overlap[user], at_item[user]
        if user == of_user:  # Its row loses the item, too.
            p, q = p - at_item[user], q - row[item]
        for cell in range(starts[user], starts[user + 1]):
            j = items[cell]
            without = at_cells[cell] + p * first[j] + q * second[j]
            if user == of_user:
                without -= row[j]
            change += weights[cell] * (scores[cell] - without * scale[j])
        sum_ += change
        sum_of_squares += change * change
    return sum_, sum_of_squares


@njit(nogil=True, cache=True, error_model="numpy")
def user_changes(diagonal, margins, of_user, product, overlap, quadratic):
    """Return how much a user's interactions, all together, add to the margins: the sum, and that of the squares.

    Without them the inverse is P + P x x' P / (1 - x' P x), and the user itself has no scores but zeros.

    Args:
        diagonal: that of P, shape [I].
        margins: as above.
        of_user: the user's place among the validation users, -1 for none.
        product: P x of the user, shape [I].
        overlap: the rows of the validation users times P x, shape [V].
        quadratic: x' P x.
    """
    starts, items, weights, scores, at_cells = margins
    factor = 1 / (1 - quadratic)
    sum_, sum_of_squares = 0.0, 0.0
    for user in range(len(starts) - 1):
        change = 0.0
        for cell in range(starts[user], starts[user + 1]):
            j = items[cell]
            without = 0.0
            if user != of_user:
                without_user = diagonal[j] + product[j] * product[j] * factor
                without = -(at_cells[cell] + overlap[user] * product[j] * factor) / without_user
            change += weights[cell] * (scores[cell] - without)
        sum_ += change
        sum_of_squares += change * change
    return sum_, sum_of_squares
