"""Do several recommenders differ in how they rank, user by user? Friedman's test, and what may be said after it.

Each user is a block: the recommenders are ranked within it, the best first, and equal ones share the mean of their
ranks. Only the order counts, so neither the scale of a metric nor a few users with large values sway the answer. How
to choose: `friedman` asks whether any two differ at all; which ones is asked by Wilcoxon's test for each pair with
Holm's correction (`significance`), which is the recommended way: whether two recommenders differ then does not depend
on which others stand beside them. Nemenyi's critical difference does depend on them, and is weaker; it is there because
many papers show it. When not to use: most users are tied with each other under a coarse metric such as hit@10; the
statistic corrects for ties, the critical difference does not, and so finds less than it could. Chi-squared is an
approximation, rough for fewer than about 10 users.

References: Friedman, Journal of the American Statistical Association 1937; Hollander and Wolfe, Nonparametric
Statistical Methods, 1999, section 7.1 (ties); Nemenyi, 1963; Dunn, Journal of the American Statistical Association
1961; Demšar, Journal of Machine Learning Research 2006 (critical-difference pictures); Benavoli, Corani and Mangili,
Journal of Machine Learning Research 2016 (why pairwise signed-rank tests).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recval.errors import DataError
from recval.ranking.significance import ROUNDING, Floats


@dataclass(frozen=True, eq=False)
class Friedman:
    """Friedman's test of k recommenders over n users.

    Attributes:
        n: number of users.
        average_ranks: the mean rank of each recommender, 1 is best, shape [k]; they add up to k (k + 1) / 2.
        statistic: Friedman's chi-squared, corrected for ties; 0 where every user's values are all equal.
        p_value: its p-value, by chi-squared with k - 1 degrees of freedom; 1 where all are equal.
        tied: share of users for whom at least two recommenders are equal.
        all_tied: share of users for whom all are; these say nothing.
    """

    n: int
    average_ranks: Floats
    statistic: float
    p_value: float
    tied: float
    all_tied: float


def friedman(values: npt.ArrayLike, *, lower_is_better: bool = False) -> Friedman:
    """Test whether recommenders differ in their ranks.

    Args:
        values: a value for each user and recommender, finite, shape [n, k].
        lower_is_better: whether the smallest value gets rank 1.

    Raises:
        DataError: there is no user, or are fewer than two recommenders, or a value is not finite.
    """
    from scipy import stats

    given = np.asarray(values, np.float64)
    if given.ndim != 2 or len(given) < 1 or given.shape[1] < 2:
        raise DataError(f"values must be of the shape (users, at least 2 recommenders), got {given.shape}")
    if not np.isfinite(given).all():
        raise DataError(f"values must be finite, got {given[~np.isfinite(given)][0]}")
    ranks = _ranks(given if lower_is_better else -given)
    n, k = ranks.shape
    # The squares of untied ranks add up to n k (k + 1) (2 k + 1) / 6; ties only lower the sum.
    spread = (ranks**2).sum() - n * k * (k + 1) ** 2 / 4
    excess = ranks.sum(axis=0) - n * (k + 1) / 2
    statistic = float((k - 1) * (excess**2).sum() / spread) if spread > 0 else 0.0
    distinct = 1 + (np.diff(np.sort(ranks, axis=1), axis=1) > 0).sum(axis=1)
    return Friedman(
        n=n,
        average_ranks=ranks.mean(axis=0),
        statistic=statistic,
        p_value=float(stats.chi2.sf(statistic, k - 1)),
        tied=float((distinct < k).mean()),
        all_tied=float((distinct == 1).mean()),
    )


def _ranks(values: Floats) -> Floats:
    """Return the rank of each value in its row, the smallest first; what differs by rounding only is tied."""
    from scipy import stats

    scale = np.abs(values).max(axis=1, keepdims=True)
    scale[scale == 0] = 1.0
    return stats.rankdata(np.rint(values / (scale * ROUNDING)), axis=1)


def critical_difference(k: int, n: int, *, level: float = 0.05, to_baseline: bool = False) -> float:
    """Return by how much two average ranks must differ to be told apart at a level.

    Args:
        k: number of recommenders, at least 2.
        n: number of users.
        level: the chance of any false discovery.
        to_baseline: whether only the k - 1 comparisons with one of them are made (Bonferroni and Dunn's test);
            otherwise all pairs are (Nemenyi's).
    """
    from scipy import stats

    if to_baseline:
        quantile = stats.norm.isf(level / (2 * (k - 1)))
    else:
        quantile = stats.studentized_range.ppf(1 - level, k, np.inf) / 2**0.5
    return float(quantile * (k * (k + 1) / (6 * n)) ** 0.5)


def groups(alike: npt.NDArray[np.bool_]) -> list[tuple[int, ...]]:
    """Return the largest groups within which all are alike, each ascending, in the order of their members.

    These are the maximal cliques of the graph, by Bron and Kerbosch's algorithm (Communications of the ACM, 1973).

    Args:
        alike: whether two could not be told apart, symmetric, shape [k, k]; the diagonal is not looked at.
    """
    neighbours = [set(map(int, np.flatnonzero(row))) - {at} for at, row in enumerate(alike)]

    def grow(members: tuple[int, ...], candidates: set[int], done: set[int]) -> Iterator[tuple[int, ...]]:
        if not candidates and not done and len(members) > 1:
            yield tuple(sorted(members))
        pivot = max(candidates | done, key=lambda at: len(neighbours[at] & candidates), default=None)
        for at in sorted(candidates - (neighbours[pivot] if pivot is not None else set())):
            yield from grow((*members, at), candidates & neighbours[at], done & neighbours[at])
            candidates, done = candidates - {at}, done | {at}

    return sorted(grow((), set(range(len(neighbours))), set()))
