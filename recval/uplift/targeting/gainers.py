"""Who gains: how the customers of highest uplift differ from the rest, feature by feature.

The profile describes whom a model picks; it is no test of why they gain, and features that go together all show. The
standardised difference is the difference of means in standard deviations of one group: 0.1 is small, 0.5 plain to see.
It does not grow with the number of customers, as a p-value would.

Customers of equal uplift at the edge of the top count in parts, so that their order never matters.

Reference: Austin, "Balance diagnostics for comparing the distribution of baseline covariates between treatment groups",
2009 (standardised differences).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from recval.errors import ConfigError, DataError
from recval.uplift.checks import Floats, per_arm
from recval.uplift.features import feature_frame, held, numbers_of

_MISSING = "(missing)"
_OTHERS = "(all others)"


def gainers(
    features: pd.DataFrame | npt.ArrayLike, uplift: npt.ArrayLike, *, top: float = 0.1, most_categories: int = 50
) -> pd.DataFrame:
    """Return the profile of the top share of customers by uplift against the rest.

    Args:
        features: [n, columns]; numbers, true and false, categories or text.
        uplift: of one treatment, shape [n].
        top: the share of customers to profile, in (0, 1).
        most_categories: the rarest categories of a column beyond so many are put together.

    Returns:
        A row for each column of numbers, for each category, and for what is missing, by falling size of the difference:
        `feature`; `category`, None for a column of numbers; `customers`, how many have a value or this category;
        `in_top`, how many of those are in the top; `top` and `rest`, the mean, or the category's share, in either
        group; `difference`, standardised, NaN where a group has no value; `lift`, top / rest for categories.

    Raises:
        ConfigError: `top` is not in (0, 1), or `most_categories` is below 1.
        DataError: lengths differ, uplift is missing or of several treatments, or a column holds what is no feature.
    """
    if not 0 < top < 1:
        raise ConfigError(f"top must be a share in (0, 1). Got {top} instead")
    if most_categories < 1:
        raise ConfigError(f"most_categories must be 1 or more. Got {most_categories} instead")
    frame, table = feature_frame(features), per_arm("the uplift", uplift)
    if table.shape[1] > 1:
        raise DataError(f"gainers are of one treatment, found uplift of {table.shape[1]}; give one column of it")
    if len(frame) != len(table):
        raise DataError(f"the features have {len(frame)} rows, the uplift {len(table)}; expected one of each customer")
    weight = _shares_in_top(table[:, 0], top)
    profiles = [_profile(str(name), column, weight, most_categories) for name, column in frame.items()]
    profile = pd.concat([part for part in profiles if len(part)], ignore_index=True)
    order = np.argsort(-profile["difference"].abs().to_numpy(), kind="stable")
    return profile.iloc[order].reset_index(drop=True)


def _shares_in_top(uplift: Floats, top: float) -> Floats:
    """Return how much of each customer is in the top, in [0, 1], shape [n]; in all `top` of them."""
    places = top * len(uplift)
    _, group, size = np.unique(-uplift, return_inverse=True, return_counts=True)
    above = np.cumsum(size) - size
    return np.clip((places - above) / size, 0, 1)[group]


def _profile(name: str, column: pd.Series, weight: Floats, most_categories: int) -> pd.DataFrame:
    missing = column.isna().to_numpy()
    content = held(column)
    if content == "numbers" and not pd.api.types.is_bool_dtype(column):
        rows = [_of_numbers(name, numbers_of(column), weight)]
    elif content in ("numbers", "text"):
        rows = _of_categories(name, column, weight, most_categories)
    elif content == "nothing":
        rows = []
    else:
        raise DataError(f"the column {name!r} holds {content}, which is neither number nor text")
    if missing.any():
        rows.append(_of_indicator(name, _MISSING, int(missing.sum()), weight[missing].sum(), weight))
    return pd.DataFrame(rows)


def _of_numbers(name: str, values: Floats, weight: Floats) -> dict[str, object]:
    present = ~np.isnan(values)
    values, weight = values[present], weight[present]
    top, spread_top = _mean_and_variance(values, weight)
    rest, spread_rest = _mean_and_variance(values, 1 - weight)
    return {
        "feature": name,
        "category": None,
        "customers": len(values),
        "in_top": float(weight.sum()),
        "top": top,
        "rest": rest,
        "difference": _standardised(top, rest, spread_top, spread_rest),
        "lift": np.nan,
    }


def _of_categories(name: str, column: pd.Series, weight: Floats, most_categories: int) -> list[dict[str, object]]:
    codes, labels = pd.factorize(column)
    known = codes >= 0
    counts = np.bincount(codes[known], minlength=len(labels))
    in_top = np.bincount(codes[known], weights=weight[known], minlength=len(labels))
    often = np.argsort(-counts, kind="stable")
    rare = often[most_categories:]
    rows = [
        _of_indicator(name, str(labels[code]), int(counts[code]), in_top[code], weight)
        for code in often[:most_categories]
    ]
    if len(rare):
        rows.append(_of_indicator(name, _OTHERS, int(counts[rare].sum()), in_top[rare].sum(), weight))
    return rows


def _of_indicator(name: str, category: str, customers: int, in_top: float, weight: Floats) -> dict[str, object]:
    top = float(in_top / weight.sum())
    rest = float((customers - in_top) / (len(weight) - weight.sum()))
    return {
        "feature": name,
        "category": category,
        "customers": customers,
        "in_top": float(in_top),
        "top": top,
        "rest": rest,
        "difference": _standardised(top, rest, top * (1 - top), rest * (1 - rest)),
        "lift": top / rest if rest > 0 else np.inf,
    }


def _mean_and_variance(values: Floats, weight: Floats) -> tuple[float, float]:
    if not weight.sum() > 0:
        return float("nan"), float("nan")
    mean = np.average(values, weights=weight)
    return float(mean), float(np.average((values - mean) ** 2, weights=weight))


def _standardised(top: float, rest: float, spread_top: float, spread_rest: float) -> float:
    """Return the difference in standard deviations; infinite where groups differ without any spread within them."""
    gap, spread = top - rest, np.sqrt(np.maximum(spread_top + spread_rest, 0.0) / 2)
    if gap == 0 or np.isnan(gap):
        return gap
    return float(gap / spread) if spread > 0 else float(np.copysign(np.inf, gap))
