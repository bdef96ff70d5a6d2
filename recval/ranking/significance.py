"""Is one recommender better than another, or was it luck? Answered user by user.

Both recommenders are measured on the same users, so the differences are what is tested. How to choose: report the
confidence interval, which assumes little; the t-test asks about the mean and suits a few hundred users or more;
Wilcoxon's test asks whether gains and losses are symmetric about zero, and outliers do not sway it. When not to
use: users are the sample here, so nothing is said about other seeds or splits; repeat the training for those.

References: Student, Biometrika 1908; Wilcoxon, Biometrics Bulletin 1945; Efron, Annals of Statistics 1979 (bootstrap);
Holm, Scandinavian Journal of Statistics 1979; Cohen, Statistical Power Analysis, 1988, section 2.3.5 (d_z); Smucker,
Allan and Carterette, CIKM 2007 (which test for ranking metrics).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from recval.errors import DataError
from recval.rng import RandomSource, numpy_generator, seed_of

Floats = npt.NDArray[np.float64]

_DRAWS_PER_CHUNK = 2**21


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
    first, second = _checked(a, b)
    differences = first - second
    n, mean = len(differences), float(differences.mean())
    low, high = np.quantile(_bootstrap_means(differences, rng, resamples), [0.025, 0.975])
    effect = _standardised(mean, float(differences.std(ddof=1)))
    t_statistic = effect * n**0.5
    return PairedTest(
        n=n,
        mean_a=float(first.mean()),
        mean_b=float(second.mean()),
        difference=mean,
        ci_low=float(low),
        ci_high=float(high),
        t_statistic=t_statistic,
        t_p_value=float(2 * stats.t.sf(abs(t_statistic), n - 1)),
        wilcoxon_p_value=float(stats.wilcoxon(differences).pvalue) if differences.any() else 1.0,
        effect_size=effect,
    )


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


def _checked(a: npt.ArrayLike | pd.Series, b: npt.ArrayLike | pd.Series) -> tuple[Floats, Floats]:
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
    return first, second


def _standardised(mean: float, deviation: float) -> float:
    """Return mean / deviation: 0 where both are 0, infinite where only the deviation is."""
    if deviation > 0:
        return mean / deviation
    return math.copysign(math.inf, mean) if mean else 0.0


def _bootstrap_means(differences: Floats, rng: RandomSource, resamples: int) -> Floats:
    """Return the mean of each bootstrap sample, shape [resamples]."""
    generator, n = numpy_generator(seed_of(rng), "bootstrap"), len(differences)
    chunk = max(1, _DRAWS_PER_CHUNK // n)
    sizes = [min(chunk, resamples - start) for start in range(0, resamples, chunk)]
    return np.concatenate([differences[generator.integers(n, size=(size, n))].mean(axis=1) for size in sizes])
