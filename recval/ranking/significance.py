"""Is one recommender better than another, or was it luck? Answered user by user.

Both recommenders are measured on the same users, so the differences are what is tested. How to choose: report the
confidence interval, which assumes little; the t-test asks about the mean and suits a few hundred users or more;
Wilcoxon's test asks whether gains and losses are symmetric about zero, and outliers do not sway it. When not to
use: users are the sample here, so nothing is said about other seeds or splits; repeat the training for those. Where
nothing is found, `detectable_difference` says what would have been: "no difference" means "none as large as that".
Several recommenders on several metrics are put together by `recval.compare`; for their ranks see `rank_tests`.

References: Student, Biometrika 1908; Wilcoxon, Biometrics Bulletin 1945; Efron, Annals of Statistics 1979 (bootstrap);
Holm, Scandinavian Journal of Statistics 1979; Cohen, Statistical Power Analysis, 1988, sections 2.3.5 (d_z) and 2.4
(power); Smucker, Allan and Carterette, CIKM 2007 (which test for ranking metrics).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from recval.errors import DataError
from recval.rng import RandomSource, numpy_generator, seed_of

Floats = npt.NDArray[np.float64]

_DRAWS_PER_CHUNK = 2**21
ROUNDING = 1e-14
"""Two values of a user are equal where they differ by no more than this share of the larger one."""


@dataclass(frozen=True)
class PairedTest:
    """The comparison of a with b over the same users.

    Attributes:
        n: number of users.
        mean_a: mean of a.
        mean_b: mean of b.
        difference: mean of a - b.
        ci_low: lower end of the 95 % percentile bootstrap interval of the difference.
        ci_high: its upper end.
        t_statistic: Student's t of the paired differences; infinite where all differ by the same non-zero amount.
        t_p_value: its two-sided p-value, in [0, 1].
        wilcoxon_p_value: two-sided p-value of Wilcoxon's signed-rank test without the zero differences, in [0, 1].
        effect_size: Cohen's d_z, the mean difference in standard deviations of the differences.
        deviation: the standard deviation of the differences.
    """

    n: int
    mean_a: float
    mean_b: float
    difference: float
    ci_low: float
    ci_high: float
    t_statistic: float
    t_p_value: float
    wilcoxon_p_value: float
    effect_size: float
    deviation: float


def paired_test(
    a: npt.ArrayLike | pd.Series, b: npt.ArrayLike | pd.Series, *, rng: RandomSource, resamples: int = 10_000
) -> PairedTest:
    """Compare two recommenders by the values of one metric for the same users.

    Where a and b are equal everywhere, the p-values are 1 and the interval is (0, 0).

    Args:
        a: a value for each user, shape [n], such as a column of `Evaluation.per_user`.
        b: the other recommender's values for the same users in the same order.
        rng: source of the bootstrap's draws.
        resamples: number of bootstrap samples.

    Raises:
        DataError: the users differ, there are fewer than two, or a value is not finite.
    """
    (found,) = paired_tests(_checked(a, b), [(0, 1)], rng=rng, resamples=resamples)
    return found


def paired_tests(
    values: Floats,
    pairs: Sequence[tuple[int, int]],
    *,
    rng: RandomSource,
    resamples: int = 10_000,
    rank_sides: tuple[Floats, Floats] | None = None,
) -> list[PairedTest]:
    """Compare pairs of recommenders; each test is what `paired_test` gives, but the users are drawn once for all.

    Args:
        values: a value for each user and recommender, finite, shape [n, k], n at least 2.
        pairs: the two columns of each comparison.
        rng: source of the bootstrap's draws.
        resamples: number of bootstrap samples.
        rank_sides: the two sides of each comparison for Wilcoxon's test, shapes [n, m], where they are others.
    """
    from scipy import stats

    first, second = (list(side) for side in zip(*pairs, strict=True)) if pairs else ([], [])
    means, n = values.mean(axis=0), len(values)
    differences = _differences(values[:, first], values[:, second])
    ranked = differences if rank_sides is None else _differences(*rank_sides)
    mean, deviation = differences.mean(axis=0), differences.std(axis=0, ddof=1)
    deviation[(differences == differences[:1]).all(axis=0)] = 0.0
    low, high = _interval(differences, rng, resamples)
    effect = _standardised(mean, deviation)
    return [
        PairedTest(
            n=n,
            mean_a=float(means[first[at]]),
            mean_b=float(means[second[at]]),
            difference=float(mean[at]),
            ci_low=float(low[at]),
            ci_high=float(high[at]),
            t_statistic=float(effect[at] * n**0.5),
            t_p_value=float(2 * stats.t.sf(abs(effect[at]) * n**0.5, n - 1)),
            wilcoxon_p_value=_wilcoxon(ranked[:, at]),
            effect_size=float(effect[at]),
            deviation=float(deviation[at]),
        )
        for at in range(len(pairs))
    ]


def detectable_difference(
    deviation: npt.ArrayLike, n: int, *, tests: int = 1, level: float = 0.05, power: float = 0.8
) -> Floats:
    """Return the smallest true difference that a paired t-test finds with the given power; as `deviation`.

    With Holm's correction for several tests this is what the strictest of its steps, `level / tests`, would find, and
    so what is found whichever way the others come out.

    Args:
        deviation: the standard deviation of the differences.
        n: number of users.
        tests: how many tests are corrected for.
        level: the level of the test, two-sided.
        power: the chance to find it, above `level`.
    """
    from scipy import special, stats

    critical = stats.t.isf(level / tests / 2, n - 1)
    return np.asarray(deviation, np.float64) * special.nctdtrinc(n - 1, 1 - power, critical) / n**0.5


def holm(p_values: npt.ArrayLike) -> Floats:
    """Return Holm's step-down adjustment of p-values of several comparisons, in the order given, shape [m].

    Comparing each adjusted value with a level keeps the chance of any false discovery below that level.

    Raises:
        DataError: a value is not in [0, 1].
    """
    given = np.asarray(p_values, np.float64)
    if not ((given >= 0) & (given <= 1)).all():
        raise DataError(f"p-values must be in [0, 1], got {given[~((given >= 0) & (given <= 1))][0]}")
    order = given.argsort(kind="stable")
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1)), 1.0)
    return adjusted


def _checked(a: npt.ArrayLike | pd.Series, b: npt.ArrayLike | pd.Series) -> Floats:
    """Return both sides as columns, shape [n, 2]."""
    if isinstance(a, pd.Series) and isinstance(b, pd.Series) and not a.index.equals(b.index):
        raise DataError(f"both sides must be of the same users in the same order, got {len(a):,} and {len(b):,} users")
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.shape != second.shape or first.ndim != 1:
        raise DataError(f"both sides must have one value a user, got the shapes {first.shape} and {second.shape}")
    if len(first) < 2:
        raise DataError(f"a paired test needs at least 2 users, got {len(first)}")
    bad = ~(np.isfinite(first) & np.isfinite(second))
    if bad.any():
        at = int(bad.argmax())
        raise DataError(f"values must be finite, got {first[at]} and {second[at]} at position {at}")
    return np.column_stack([first, second])


def _differences(a: Floats, b: Floats) -> Floats:
    """Return a - b, exactly 0 where rounding explains it: means of the same numbers differ by their order of adding."""
    differences = a - b
    differences[np.abs(differences) <= ROUNDING * np.maximum(np.abs(a), np.abs(b))] = 0.0
    return differences


def _standardised(mean: Floats, deviation: Floats) -> Floats:
    """Return mean / deviation: 0 where both are 0, infinite where only the deviation is."""
    safe = np.where(deviation > 0, deviation, 1.0)
    return np.where(deviation > 0, mean / safe, np.where(mean == 0, 0.0, np.copysign(np.inf, mean)))


def _wilcoxon(differences: Floats) -> float:
    from scipy import stats

    return float(stats.wilcoxon(differences).pvalue) if differences.any() else 1.0


def _interval(differences: Floats, rng: RandomSource, resamples: int) -> tuple[Floats, Floats]:
    """Return the ends of the percentile bootstrap interval of the mean of each column, shapes [m] and [m]."""
    generator, n = numpy_generator(seed_of(rng), "bootstrap"), len(differences)
    chunk = max(1, _DRAWS_PER_CHUNK // n)
    exact, means = _summable(differences), []
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        drawn = generator.integers(n, size=(size, n)) + n * np.arange(size)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n)
        means.append(counts.astype(np.float64) @ exact / n)
    low, high = np.quantile(np.concatenate(means), [0.025, 0.975], axis=0)
    return low, high


def _summable(differences: Floats) -> Floats:
    """Return the values, rounded by 1e-15 n of the largest at most, so that adding n of them is exact in any order."""
    largest = np.abs(differences).max(axis=0) * len(differences)
    unit = np.exp2(np.ceil(np.log2(np.where(largest > 0, largest, 1.0))) - 52)
    return np.rint(differences / unit) * unit
