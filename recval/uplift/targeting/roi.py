"""The ROI curve: what each budget earns, and what its next unit would, if customers are treated by falling return.

`roi_curve` believes the predictions: it shows what a model promises, and no budget should be set by it alone.
`measured_roi_curve` follows the same customers in the same order, and adds up what held-out customers of an experiment
did earn, by doubly robust effects, with a bootstrap band. Where the two part, the model is badly calibrated (see
`recval.uplift.calibration`). Amounts are of the customers given: for N customers of m, multiply by N / m.

The band is pointwise: each point holds the truth with this confidence, not all points at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from recval.errors import ConfigError
from recval.rng import RandomSource, numpy_generator, seed_of
from recval.uplift.checks import Floats, Ints, per_arm, same_shape
from recval.uplift.effects.doubly_robust import Scores
from recval.uplift.targeting.budget import Budget
from recval.uplift.targeting.choosing import treatment_names
from recval.uplift.targeting.frontier import Steps, of_arm, steps_of, with_control


def roi_curve(
    uplift: npt.ArrayLike,
    budget: Budget,
    *,
    cost: npt.ArrayLike | None = None,
    arms: Sequence[str] | None = None,
    points: int = 50,
) -> pd.DataFrame:
    """Return what the predictions promise for each budget, up to that of all who return more than `least_return`.

    Args:
        uplift: the predicted uplift of each treatment, shape [n] or [n, A].
        budget: costs and margin; its limit is not used. Take `least_return` 0 to see where profit falls again.
        cost: each customer's own costs, shape [n] or [n, A].
        arms: the names of all arms, the control's first; needed where costs go by name.
        points: how many budgets, at even distances; fewer where there are fewer steps.

    Returns:
        By rising budget: `budget` (spent), `treated` (customers), `revenue` (incremental), `profit` (margin on revenue
        less what is spent) and `marginal_roi` (profit for each unit spent since the point before; NaN at the first).

    Raises:
        ConfigError: costs do not fit the treatments, or `points` is below 1.
        DataError: an array is not finite or has the wrong shape.
    """
    gains, paid, steps = _laid_out(uplift, budget, cost, arms)
    cuts = _cuts(steps, points)
    return _table(steps, cuts, _added(gains, steps, cuts), _added(paid, steps, cuts), budget.margin)


def measured_roi_curve(
    uplift: npt.ArrayLike,
    scores: Scores,
    budget: Budget,
    *,
    cost: npt.ArrayLike | None = None,
    arms: Sequence[str] | None = None,
    points: int = 50,
    draws: int = 200,
    confidence: float = 0.95,
    rng: RandomSource = 0,
) -> pd.DataFrame:
    """Return what held-out customers earned for each budget, treated in the order of their predicted returns.

    Args:
        uplift: their predicted uplift, shape [n] or [n, A], by a model that did not see them.
        scores: their doubly robust scores.
        budget: as in `roi_curve`.
        cost: as in `roi_curve`.
        arms: as in `roi_curve`.
        points: as in `roi_curve`.
        draws: how many bootstrap samples of customers the band is from.
        confidence: of the band, in (0, 1).
        rng: the samples derive from it.

    Returns:
        The columns of `roi_curve`, measured, and `profit_low` and `profit_high`, the band.

    Raises:
        ConfigError: costs do not fit the treatments, `points` or `draws` is below 1, or `confidence` beyond (0, 1).
        DataError: an array is not finite or has the wrong shape, or the scores are of other customers.
    """
    if draws < 1 or not 0 < confidence < 1:
        raise ConfigError(f"a band needs draws of 1 or more and a confidence in (0, 1). Got {draws} and {confidence}")
    _, paid, steps = _laid_out(uplift, budget, cost, arms)
    same_shape("the scores", scores.by_arm, "the uplift's customers and arms", paid.shape)
    effects, cuts = scores.by_arm - scores.by_arm[:, :1], _cuts(steps, points)
    table = _table(steps, cuts, _added(effects, steps, cuts), _added(paid, steps, cuts), budget.margin)
    sampled = _resampled(budget.margin * effects - paid, steps, cuts, draws, seed_of(rng))
    low, high = np.quantile(sampled, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return table.assign(profit_low=low, profit_high=high)


def _laid_out(
    uplift: npt.ArrayLike, budget: Budget, cost: npt.ArrayLike | None, arms: Sequence[str] | None
) -> tuple[Floats, Floats, Steps]:
    """Return uplift and costs of all arms, [n, A + 1] each, and the steps."""
    table = per_arm("the uplift", uplift)
    costs = budget.costs_of(len(table), treatment_names(arms, table.shape[1]), cost)
    gains, paid = with_control(table), with_control(costs)
    return gains, paid, steps_of(budget.margin * gains, paid, budget.least_return)


def _cuts(steps: Steps, points: int) -> Ints:
    """Return after how many steps the curve has its points, rising from 0, shape [P]."""
    if points < 1:
        raise ConfigError(f"a curve needs points of 1 or more. Got {points} instead")
    ends = np.cumsum(steps.cost)
    wanted = np.linspace(0, ends[-1], points + 1)[1:-1] if len(ends) else np.zeros(0)
    return np.unique(np.concatenate([[0], np.searchsorted(ends, wanted, side="right"), [len(ends)]]))


def _added(by_arm: Floats, steps: Steps, cuts: Ints) -> Floats:
    """Return the sum over all customers of their arm's entry at each point, shape [P]."""
    return of_arm(by_arm, steps.start).sum() + _summed(_more(by_arm, steps), cuts)


def _resampled(by_arm: Floats, steps: Steps, cuts: Ints, draws: int, seed: int) -> Floats:
    """Return what `_added` would of as many customers, drawn with replacement, shape [draws, P]."""
    start, more = of_arm(by_arm, steps.start), _more(by_arm, steps)
    generator = numpy_generator(seed, "customers")
    sums = np.empty((draws, len(cuts)))
    for draw in range(draws):
        times = np.bincount(generator.integers(len(start), size=len(start)), minlength=len(start))
        sums[draw] = start @ times + _summed(more * times[steps.row], cuts)
    return sums


def _more(by_arm: Floats, steps: Steps) -> Floats:
    """Return by how much each step raises the entry of its customer's arm, shape [S]."""
    return by_arm[steps.row, steps.after] - by_arm[steps.row, steps.before]


def _summed(more: Floats, cuts: Ints) -> Floats:
    """Return the sum of all steps up to each point, shape [P]."""
    parts = np.add.reduceat(more, cuts[:-1]) if len(cuts) > 1 else np.zeros(0)
    return np.concatenate([[0.0], np.cumsum(parts)])


def _table(steps: Steps, cuts: Ints, revenue: Floats, spent: Floats, margin: float) -> pd.DataFrame:
    begun = np.concatenate([[0], np.cumsum((steps.before == 0).astype(np.int64) - (steps.after == 0))])
    profit = margin * revenue - spent
    marginal = np.diff(profit, prepend=np.nan) / np.diff(spent, prepend=np.nan)
    treated = int((steps.start > 0).sum()) + begun[cuts]
    return pd.DataFrame(
        {"budget": spent, "treated": treated, "revenue": revenue, "profit": profit, "marginal_roi": marginal}
    )
