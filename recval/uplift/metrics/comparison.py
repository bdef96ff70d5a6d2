"""Is one model better than another, over repeated random splits into training and test rows?

The splits share most of their training rows and overlap in their test rows, so values of different splits are not
independent, and a plain paired t-test finds differences where there are none. The variance of the mean difference is
therefore taken as s² (1 / J + m / n), with J splits, m test and n training rows, instead of s² / J (Nadeau and Bengio,
"Inference for the Generalization Error", Machine Learning 2003; Bouckaert and Frank, PAKDD 2004).

How to choose: report the interval of the corrected test. The sign test assumes less of the differences' distribution,
but takes splits for independent: read it as a description of how often a model won. When not to use: with very few
splits, or where models were chosen on the test rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from recval.errors import ConfigError, DataError, unknown
from recval.ranking.significance import holm


@dataclass(frozen=True)
class SplitComparison:
    """The comparison of a with b over the same splits.

    Attributes:
        splits: number of splits.
        mean_a: mean of a.
        mean_b: mean of b.
        difference: mean of a - b.
        standard_error: of the difference, corrected for overlapping splits.
        ci_low: lower end of the interval of the difference.
        ci_high: its upper end.
        p_value: two-sided, of the corrected t-test.
        won: share of the splits in which a is higher; equal ones count half.
        sign_p_value: two-sided p-value of the sign test, without equal splits.
    """

    splits: int
    mean_a: float
    mean_b: float
    difference: float
    standard_error: float
    ci_low: float
    ci_high: float
    p_value: float
    won: float
    sign_p_value: float


def compare_splits(a: npt.ArrayLike, b: npt.ArrayLike, *, test_to_train: float, level: float = 0.95) -> SplitComparison:
    """Compare two models by a metric's values on the same splits.

    Args:
        a: a value for each split, finite, shape [splits].
        b: the other model's values on the same splits in the same order.
        test_to_train: number of test rows by number of training rows, such as 0.3 / 0.7; 0 for independent data sets
            in the place of splits, which is Student's test.
        level: of the interval, between 0 and 1.

    Raises:
        ConfigError: the level or the ratio is not what it must be.
        DataError: the lengths differ, there are fewer than two splits, or a value is not finite.
    """
    from scipy import stats

    if not 0 < level < 1:
        raise ConfigError(f"the level must be between 0 and 1, got {level:g}")
    if not 0 <= test_to_train < np.inf:
        raise ConfigError(f"test rows by training rows must be 0 or more, got {test_to_train:g}")
    first, second = _checked(a, b)
    differences, splits = first - second, len(first)
    mean = float(differences.mean())
    spread = float(differences.std(ddof=1)) if np.ptp(differences) > 0 else 0.0
    error = spread * float(np.sqrt(1 / splits + test_to_train))
    margin = float(stats.t.ppf((1 + level) / 2, splits - 1)) * error
    p_value = float(2 * stats.t.sf(abs(mean) / error, splits - 1)) if error > 0 else float(mean == 0)
    higher, lower = int((differences > 0).sum()), int((differences < 0).sum())
    return SplitComparison(
        splits=splits,
        mean_a=float(first.mean()),
        mean_b=float(second.mean()),
        difference=mean,
        standard_error=error,
        ci_low=mean - margin,
        ci_high=mean + margin,
        p_value=p_value,
        won=(higher + (splits - higher - lower) / 2) / splits,
        sign_p_value=float(stats.binomtest(higher, higher + lower).pvalue) if higher + lower else 1.0,
    )


def compare_models(values: pd.DataFrame, *, baseline: str, test_to_train: float, level: float = 0.95) -> pd.DataFrame:
    """Compare every model with one of them.

    Args:
        values: a metric by split (rows) and model (columns).
        baseline: the column that the others are compared with.
        test_to_train: as for `compare_splits`.
        level: as for `compare_splits`.

    Returns:
        A row a model: the attributes of `SplitComparison`, and `p_value_holm`, corrected for all of them.

    Raises:
        ConfigError: there is no such model, or as for `compare_splits`.
        DataError: as for `compare_splits`.
    """
    if baseline not in values:
        raise ConfigError(unknown("baseline", baseline, values.columns))
    found = {
        model: vars(compare_splits(values[model], values[baseline], test_to_train=test_to_train, level=level))
        for model in values.columns
        if model != baseline
    }
    table = pd.DataFrame.from_dict(found, orient="index").rename_axis("model")
    if len(table):
        table.insert(list(table).index("p_value") + 1, "p_value_holm", holm(table["p_value"]))
    return table


def _checked(a: npt.ArrayLike, b: npt.ArrayLike) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise DataError(f"both models need one value a split, got the shapes {first.shape} and {second.shape}")
    if len(first) < 2:
        raise DataError(f"a comparison needs at least 2 splits, got {len(first)}")
    bad = ~(np.isfinite(first) & np.isfinite(second))
    if bad.any():
        at = int(bad.argmax())
        raise DataError(f"values must be finite, got {first[at]} and {second[at]} in split {at}")
    return first, second
