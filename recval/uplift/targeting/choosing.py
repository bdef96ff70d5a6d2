"""Whom to treat, with which treatment: the most profit that a budget can be expected to bring.

The choice is the optimum of the multiple-choice knapsack's linear relaxation but for the customer at the edge of the
budget, whose step is taken whole or not at all; cheaper steps further down then use up what is left. So it is within
one customer's step of the best possible, and `Targeting.bound` says by how much at most.

Expected revenue is what the model predicts for the customers that it likes best, and so is too high where it errs
(the winner's curse). What a policy earns is measured on held-out customers of an experiment:
`recval.uplift.effects.doubly_robust.Scores.gain`, `measured_roi_curve`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from recval.errors import DataError
from recval.uplift.checks import Floats, Ints, per_arm, same_shape
from recval.uplift.targeting.budget import Budget
from recval.uplift.targeting.frontier import Steps, of_arm, steps_of, with_control
from recval.uplift.targeting.taking import taken_within

_ROUNDING = 1e-9
"""Costs may sum to more than the budget by this share of it: three times 0.1 are more than 0.3 in floating point."""


@dataclass(frozen=True)
class Targeting:
    """Whom to treat.

    Attributes:
        arm: the arm that each customer is given, 0 the control, shape [n].
        spent: what that costs.
        revenue: the expected incremental revenue, the sum of the predicted uplift.
        interval: the interval of the revenue that holds it with 95 % confidence, as far as the ensemble tells; None
            without its spread.
        profit: margin times revenue, less what is spent.
        bound: what no choice within the budget can exceed: the optimum of the linear relaxation, as margin times
            revenue less `least_return` times what is spent.
        marginal_return: margin on revenue that the next unit of budget would bring; 0 where all who pay are treated.
    """

    arm: Ints
    spent: float
    revenue: float
    interval: tuple[float, float] | None
    profit: float
    bound: float
    marginal_return: float


def target(
    uplift: npt.ArrayLike,
    budget: Budget,
    *,
    cost: npt.ArrayLike | None = None,
    arms: Sequence[str] | None = None,
    std: npt.ArrayLike | None = None,
) -> Targeting:
    """Return whom to treat, and with what, for the highest expected profit within a budget.

    Equal returns are treated in the order of the rows.

    Args:
        uplift: the predicted uplift of each treatment in revenue, calibrated, shape [n] or [n, A].
        budget: costs, limit and margin.
        cost: each customer's own costs, shape [n] or [n, A], instead of those of `budget`.
        arms: the names of all arms, the control's first; needed where costs go by name.
        std: the standard deviation of the uplift over an ensemble, in its shape. Members err alike on all customers,
            so that the interval adds deviations up as if their errors were one; it is wide, and knows nothing of what
            all members get wrong.

    Raises:
        ConfigError: a cost names an unknown treatment, or not every treatment has one.
        DataError: an array is not finite or has the wrong shape, or a deviation is negative.
    """
    table = per_arm("the uplift", uplift)
    costs = budget.costs_of(len(table), treatment_names(arms, table.shape[1]), cost)
    gains, paid = with_control(table), with_control(costs)
    steps = steps_of(budget.margin * gains, paid, budget.least_return)
    left = np.inf if budget.budget is None else budget.budget - of_arm(paid, steps.start).sum()
    slack = _ROUNDING * left if np.isfinite(left) else 0.0
    taken = taken_within(steps.row, steps.cost, left + slack, len(table))
    arm = steps.start.copy()
    arm[steps.row[taken]] = steps.after[taken]  # A customer's last step is written last.
    spent, revenue = float(of_arm(paid, arm).sum()), float(of_arm(gains, arm).sum())
    at_start = float(of_arm(budget.margin * gains - budget.least_return * paid, steps.start).sum())
    more, marginal = _relaxed(steps, left, slack, budget.least_return)
    return Targeting(
        arm=arm,
        spent=spent,
        revenue=revenue,
        interval=None if std is None else _interval(revenue, std, arm, table),
        profit=budget.margin * revenue - spent,
        bound=at_start + more,
        marginal_return=marginal,
    )


def treatment_names(arms: Sequence[str] | None, n_treatments: int) -> tuple[str, ...]:
    """Return the treatments' names, without the control's; their numbers where arms have no names.

    Raises:
        DataError: there are not as many arms as the uplift has treatments, and the control.
    """
    if arms is None:
        return tuple(str(number) for number in range(1, n_treatments + 1))
    if len(arms) != n_treatments + 1:
        raise DataError(f"uplift of {n_treatments} treatments needs {n_treatments + 1} arms, found {', '.join(arms)}")
    return tuple(arms[1:])


def _relaxed(steps: Steps, left: float, slack: float, least_return: float) -> tuple[float, float]:
    """Return what the steps are worth when the last may be taken in part, and the return of that one."""
    worth = steps.value - least_return * steps.cost
    ends = np.cumsum(steps.cost)
    whole = int(np.searchsorted(ends, left + slack, side="right"))
    if whole == len(ends):
        return float(worth.sum()), 0.0
    part = (left - (ends[whole - 1] if whole else 0.0)) / steps.cost[whole]
    return float(worth[:whole].sum() + max(part, 0.0) * worth[whole]), float(steps.returns[whole])


def _interval(revenue: float, std: npt.ArrayLike, arm: Ints, uplift: Floats) -> tuple[float, float]:
    spread = per_arm("the standard deviations", std)
    same_shape("the standard deviations", spread, "the uplift", uplift.shape)
    if spread.min() < 0:
        raise DataError(f"standard deviations must be 0 or more, found {spread.min():.4g}")
    reach = float(ndtri(0.975) * of_arm(with_control(spread), arm).sum())
    return revenue - reach, revenue + reach
