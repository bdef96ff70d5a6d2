"""Customers from the highest score to the lowest, and what is summed up on the way down.

Every curve and every area is a function of four sums: how many treated and control rows lie above a point of the
ranking, and how much they spent. Rows with the same score are one tie: sums are only taken at the ends of ties (or of
buckets), so that the order of rows within a tie, and of rows as they were given, decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from recval.errors import DataError
from recval.uplift.checks import Bools, Floats, Ints

BUCKETS = 100
"""Into how many quantile buckets a bucketed metric cuts the ranking."""


@dataclass(frozen=True)
class Sums:
    """Sums over the top of a ranking down to each of k points; leading axes are rankings or resamples.

    Attributes:
        treated: number of treated rows, shape [..., k].
        control: number of control rows, shape [..., k].
        treated_response: sum of the responses of treated rows, shape [..., k].
        control_response: sum of the responses of control rows, shape [..., k].
    """

    treated: Floats
    control: Floats
    treated_response: Floats
    control_response: Floats

    @property
    def rows(self) -> Floats:
        """The number of rows down to each point, shape [..., k]."""
        return self.treated + self.control

    def at(self, points: Ints | slice) -> Sums:
        """Return the sums at some of the points."""
        return Sums(*(part[..., points] for part in self._parts()))

    def steps(self) -> Sums:
        """Return what each point adds to the one before it."""
        return Sums(*(np.diff(part, axis=-1, prepend=0.0) for part in self._parts()))

    def _parts(self) -> tuple[Floats, Floats, Floats, Floats]:
        return self.treated, self.control, self.treated_response, self.control_response


@dataclass(frozen=True)
class Ranking:
    """Rows from the highest score to the lowest.

    Attributes:
        score: the scores, falling, shape [n].
        treated: which rows were treated, shape [n].
        response: what the rows spent, shape [n].
        ends: how many rows lie down to the end of each tie, rising to n, shape [k].
    """

    score: Floats
    treated: Bools
    response: Floats
    ends: Ints

    @classmethod
    def of(cls, score: npt.ArrayLike, treated: npt.ArrayLike, response: npt.ArrayLike) -> Ranking:
        """Rank rows by their score.

        Args:
            score: any score of which more means "treat first", finite, shape [n].
            treated: booleans, or 0 and 1, shape [n].
            response: the outcome, finite, shape [n].

        Raises:
            DataError: the lengths differ, a value is not finite, `treated` is not 0 or 1, or an arm has no row.
        """
        scores, outcome = finite("score", score), finite("response", response)
        arm = as_arm(treated)
        if not len(scores) == len(arm) == len(outcome):
            raise DataError(
                f"score, treated and response must be of equal length, got {len(scores)}, {len(arm)}, {len(outcome)}"
            )
        order = np.argsort(-scores)
        ordered = scores[order]
        return cls(ordered, arm[order], outcome[order], tie_ends(ordered))

    def __len__(self) -> int:
        return len(self.score)

    def sums(self, weights: Floats | None = None) -> Sums:
        """Return the sums down to the end of each tie, shape [..., k].

        Args:
            weights: how often each of the ranked rows counts, shape [..., n]; once without.
        """
        return sums_at(self.ends, self.treated, self.response, weights)

    def bucket_points(self, buckets: int = BUCKETS) -> Ints:
        """Return which ties end a quantile bucket of the score, shape [at most buckets].

        The edges are the quantiles of the negated score, interpolated linearly, a row on an edge belongs to the
        bucket before it, and buckets between equal edges are dropped: `pandas.qcut(-score, duplicates="drop")`.
        """
        falling = -self.score
        edges = np.unique(np.percentile(falling, np.linspace(0, 1, buckets + 1) * 100.0))
        rows = np.searchsorted(falling, edges[1:], side="right") if len(edges) > 1 else np.array([len(self)])
        return np.unique(np.searchsorted(self.ends, rows))


def finite(name: str, values: npt.ArrayLike) -> Floats:
    """Return a column of finite numbers.

    Raises:
        DataError: it is not one column of numbers, is empty, or holds NaN or an infinite value.
    """
    try:
        column = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{name} must be numbers, got {np.asarray(values).dtype}") from None
    if column.ndim != 1 or not len(column):
        raise DataError(f"{name} must be one column with at least one row, got the shape {column.shape}")
    good = np.isfinite(column)
    if not good.all():
        at = int(np.argmin(good))
        raise DataError(f"{name} must be finite, got {column[at]} in row {at} ({int((~good).sum())} such rows)")
    return column


def tie_ends(ordered: Floats) -> Ints:
    """Return how many rows lie down to the end of each tie of ordered scores, shape [k]."""
    return np.append(np.flatnonzero(ordered[1:] != ordered[:-1]) + 1, len(ordered))


def sums_at(ends: Ints, treated: npt.NDArray[np.generic], response: Floats, weights: Floats | None = None) -> Sums:
    """Return the sums down to each of the ends.

    Args:
        ends: how many rows lie down to each point, rising to n, shape [k].
        treated: 1 for treated, 0 for control rows, shape [..., n].
        response: the responses, shape [..., n].
        weights: how often each row counts, shape [..., n]; once without.
    """
    arm = treated.astype(np.float64)
    of_treated = response * arm
    if weights is None:
        rows: Floats = ends.astype(np.float64)
        everything = down_to(ends, response)
    else:
        rows = down_to(ends, weights)
        everything = down_to(ends, weights * response)
        arm, of_treated = weights * arm, weights * of_treated
    arms, responses = down_to(ends, arm), down_to(ends, of_treated)
    return Sums(arms, rows - arms, responses, everything - responses)


def down_to(ends: Ints, values: Floats) -> Floats:
    """Return the sums of values, shape [..., n], down to each of the ends, shape [..., k]."""
    summed = np.cumsum(values, axis=-1)
    return summed if len(ends) == values.shape[-1] else summed[..., ends - 1]


def as_arm(treated: npt.ArrayLike) -> Bools:
    """Return which rows were treated.

    Raises:
        DataError: it is not one column of booleans, or of 0 and 1, or an arm has no row.
    """
    column = np.asarray(treated)
    if column.ndim != 1:
        raise DataError(f"treated must be one column, got the shape {column.shape}")
    if column.dtype != bool:
        ones = column == 1
        good = ones | (column == 0)
        if not np.all(good):
            raise DataError(f"treated must be 0 or 1, got {column[int(np.argmin(good))]}")
        column = ones
    count = int(column.sum())
    if not 0 < count < len(column):
        raise DataError(f"both arms need rows, got {count} treated and {len(column) - count} control")
    return cast(Bools, column)
