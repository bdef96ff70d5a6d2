"""LIFT@share: how much more the treated spent than the control among the rows that are ranked highest.

Authors and libraries cut the top in different places, so the cut is named:

- `rows`: the smallest number of rows that is at least the share of all;
- `buckets`: every one of 100 quantile buckets whose number, counted from 0, is at most the share of the buckets, so
  31 buckets for 30 % (as in the code of He et al., KDD 2024);
- `scikit-uplift`: the largest number of rows that is at most the share (its "overall");
- `by-arm`: the same within each arm, so that the two may be cut at different scores (its "by_group").

A tie that the cut goes through counts in part, as if its rows were drawn at random. How to choose: `rows`, at the share
that will be treated. When not to use: it says nothing of the order above and below the cut.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from recval.errors import ConfigError, unknown
from recval.uplift.checks import Floats
from recval.uplift.metrics.ranking import Ranking, Sums

Cut = Literal["rows", "buckets", "scikit-uplift", "by-arm"]
_ROUNDING = 1e-9
"""A share of rows that is this close to a whole number is one: 0.29 of 100 rows are 29."""


def lift(
    score: npt.ArrayLike, treated: npt.ArrayLike, response: npt.ArrayLike, *, share: float = 0.3, cut: Cut = "rows"
) -> float:
    """Return the difference of the mean responses of treated and control rows in the top; NaN where one has no rows.

    Args:
        score: any score of which more means "treat first", finite, shape [n].
        treated: booleans, or 0 and 1, shape [n].
        response: the outcome, finite, shape [n].
        share: which share of all rows is the top, above 0, at most 1.
        cut: where exactly the top ends.

    Raises:
        ConfigError: the share or the cut is not what it must be.
        DataError: the lengths differ, a value is not finite, `treated` is not 0 or 1, or an arm has no row.
    """
    statistic = lift_of(share, cut)
    ranking = Ranking.of(score, treated, response)
    sums = ranking.sums()
    return float(statistic(sums.at(ranking.bucket_points()) if cut == "buckets" else sums))


def lift_of(share: float, cut: Cut) -> Callable[[Sums], Floats]:
    """Return the function from sums, at the ends of buckets where these cut, to the lift, shape [...].

    Raises:
        ConfigError: the share is not above 0 and at most 1, or the cut is unknown.
    """
    if not 0 < share <= 1:
        raise ConfigError(f"the share must be above 0 and at most 1, got {share:g}")
    if cut not in get_args(Cut):
        raise ConfigError(unknown("cut", cut, get_args(Cut)))

    def overall(sums: Sums) -> Floats:
        exact = share * sums.rows[..., -1]
        rows = np.ceil(exact - _ROUNDING) if cut == "rows" else np.floor(exact + _ROUNDING)
        return _difference(sums, sums.rows, rows, sums.rows, rows)

    def by_arm(sums: Sums) -> Floats:
        treated, control = (np.floor(share * count[..., -1] + _ROUNDING) for count in (sums.treated, sums.control))
        return _difference(sums, sums.treated, treated, sums.control, control)

    def of_buckets(sums: Sums) -> Floats:
        last = min(math.floor(share * sums.rows.shape[-1] + _ROUNDING), sums.rows.shape[-1] - 1)
        rows = sums.rows[..., last]
        return _difference(sums, sums.rows, rows, sums.rows, rows)

    return {"buckets": of_buckets, "by-arm": by_arm}.get(cut, overall)


def _difference(
    sums: Sums, treated_scale: Floats, treated_cut: Floats, control_scale: Floats, control_cut: Floats
) -> Floats:
    """Return the difference of the means of both arms, each cut where its scale reaches its cut."""
    treated, treated_response = (
        _reached(treated_scale, part, treated_cut) for part in (sums.treated, sums.treated_response)
    )
    control, control_response = (
        _reached(control_scale, part, control_cut) for part in (sums.control, sums.control_response)
    )
    return treated_response / np.where(treated > 0, treated, np.nan) - control_response / np.where(
        control > 0, control, np.nan
    )


def _reached(scale: Floats, values: Floats, cut: Floats) -> Floats:
    """Return the values, shape [..., k], where the scale, rising from 0, reaches the cut, shape [...]."""
    wanted = np.asarray(cut)[..., None]
    after = np.minimum((scale < wanted).sum(axis=-1, keepdims=True), scale.shape[-1] - 1)
    before = np.maximum(after - 1, 0)

    def pick(part: Floats, at: npt.NDArray[np.integer]) -> Floats:
        return np.take_along_axis(part, at, axis=-1)

    start, start_value = (np.where(after > 0, pick(part, before), 0.0) for part in (scale, values))
    width = pick(scale, after) - start
    fraction = np.where(width > 0, (wanted - start) / np.where(width > 0, width, 1.0), 0.0)
    return (start_value + fraction * (pick(values, after) - start_value))[..., 0]
