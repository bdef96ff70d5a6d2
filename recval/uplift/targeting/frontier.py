"""Customers' efficient frontiers, and the steps along all of them in the order in which they are worth taking.

One arm is chosen for each customer: the multiple-choice knapsack problem. Of a customer's arms, as points of cost and
value, only those on the upper concave hull are ever worth choosing in its linear relaxation. A customer starts with the
cheapest arm (the control, unless some treatment costs nothing or less) and climbs the hull; each step has a return, the
value that it adds for each unit of cost, and a customer's returns fall. Taking the steps of all customers by falling
return until the budget is spent, the last in part, solves the relaxation exactly.

Reference: Sinha & Zoltners, "The multiple-choice knapsack problem", Operations Research 1979; Kellerer, Pferschy,
Pisinger, "Knapsack problems", 2004, chapter 11.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recval.uplift.checks import Floats, Ints


@dataclass(frozen=True)
class Steps:
    """Where customers start, and the steps from there that are worth it, by falling return.

    Equal returns stand in the order of the customers' rows; a customer's own steps follow each other.

    Attributes:
        start: the arm that each customer starts with, shape [n].
        row: whose step it is, shape [S].
        before: the arm before the step, [S].
        after: the arm after it, [S].
        cost: what it costs more than the arm before, above 0, [S].
        value: what it is worth more, above 0, [S].
        returns: value for each unit of cost, falling, [S].
    """

    start: Ints
    row: Ints
    before: Ints
    after: Ints
    cost: Floats
    value: Floats
    returns: Floats


def with_control(table: Floats) -> Floats:
    """Return a table of treatments, [n, A], behind a column of 0 for the control, [n, A + 1]."""
    return np.pad(table, ((0, 0), (1, 0)))


def of_arm(table: Floats, arm: Ints) -> Floats:
    """Return the entry of each customer's arm, [n], from a table of all arms, [n, A + 1]."""
    return table[np.arange(len(arm)), arm]


def steps_of(values: Floats, costs: Floats, least_return: float) -> Steps:
    """Return the steps whose return is above `least_return`.

    Args:
        values: of each arm to each customer, shape [n, A + 1].
        costs: of each arm, shape [n, A + 1].
        least_return: 0 or more.
    """
    start = np.where(costs == costs.min(1, keepdims=True), values, -np.inf).argmax(1)
    rows, arm, returns = np.arange(len(start)), start, np.full(len(start), np.inf)
    found: list[tuple[Ints, Ints, Ints, Floats]] = []
    while True:
        climbed, after, slope = _climb(values[rows], costs[rows], arm, least_return)
        if not len(climbed):
            break
        # By rounding alone a later step could seem to return more than the one before it.
        before, rows, arm, returns = arm[climbed], rows[climbed], after, np.minimum(returns[climbed], slope)
        found.append((rows, before, arm, returns))
    if not found:
        none = np.zeros(0, np.int64)
        return Steps(start, none, none, none, *(np.zeros(0) for _ in range(3)))
    row, before, after, returned = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((row, -returned))  # Stable: a customer's steps of equal returns stay in order.
    row, before, after, returned = row[order], before[order], after[order], returned[order]
    gained, spent = (table[row, after] - table[row, before] for table in (values, costs))
    return Steps(start, row, before, after, spent, gained, returned)


def _climb(values: Floats, costs: Floats, arm: Ints, least_return: float) -> tuple[Ints, Ints, Floats]:
    """Return who has a next arm on the hull, which, and the return of the step.

    Of arms on one straight line the nearest is next.
    """
    own = arm[:, None]
    more_value = values - np.take_along_axis(values, own, 1)
    more_cost = costs - np.take_along_axis(costs, own, 1)
    worth = (more_cost > 0) & (more_value > 0)
    with np.errstate(over="ignore"):
        slope = np.divide(more_value, more_cost, out=np.zeros_like(more_value), where=worth)
    best = slope.max(1)
    nearest = np.where(worth & (slope == best[:, None]), more_cost, np.inf).argmin(1)
    climbs = np.flatnonzero((best > least_return) & worth.any(1))
    return climbs, nearest[climbs], best[climbs]
