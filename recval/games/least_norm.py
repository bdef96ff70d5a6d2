"""Payoffs with the least deficit, and of these the ones of least norm: a linear program, then least squares.

Source: Lawson & Hanson, "Solving least squares problems", 1974, chapter 23 (least norm by non-negative least squares).
"""

from __future__ import annotations

import numpy as np

from recval.errors import ModelError
from recval.games.game import Coalitions, Floats

_SLACK = 1e-12


def payoffs_of(coalitions: Coalitions, worth: Floats, total: float) -> Floats:
    """Return the payoffs with the least deficit, and among them those of least norm.

    They are equal shares and deviations that add up to 0. With the coalitions centred, the least-norm deviations that
    meet the inequalities lie in the span of the rows, and so add up to 0 by themselves.
    """
    share = coalitions.mean(1)
    rows, asked = coalitions - share[:, None], worth - total * share
    deficit = (asked - rows @ _some_payoffs(coalitions, worth, total)).max()
    return total / coalitions.shape[1] + _least_norm(rows, asked - deficit - _SLACK)


def _some_payoffs(coalitions: Coalitions, worth: Floats, total: float) -> Floats:
    """Return payoffs with the least deficit, by a linear program."""
    from scipy.optimize import linprog

    n_rows, n = coalitions.shape
    found = linprog(
        np.append(np.zeros(n), 1.0),
        A_ub=-np.column_stack([coalitions, np.ones(n_rows)]),
        b_ub=-worth,
        A_eq=np.append(np.ones(n), 0.0)[None],
        b_eq=[total],
        bounds=(None, None),
        method="highs-ipm",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if not found.success:
        raise ModelError(f"the least core could not be found: {found.message}")
    return found.x[:-1]


def _least_norm(rows: Floats, bound: Floats) -> Floats:
    """Return the y of least norm with rows @ y >= bound (Lawson & Hanson, algorithm LDP)."""
    from scipy.optimize import nnls

    scale = bound.max()
    if scale <= 0:
        return np.zeros(rows.shape[1])
    matrix = np.vstack([rows.T, bound / scale])
    target = np.append(np.zeros(rows.shape[1]), 1.0)
    residual = matrix @ nnls(matrix, target)[0] - target
    return -scale * residual[:-1] / residual[-1]
