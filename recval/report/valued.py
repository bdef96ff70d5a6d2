"""Valued interactions beside what is known of them: counts of the user and the item, and what made the value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from recval.store.files import read_json
from recval.store.run import Run


def with_counts(values: pd.DataFrame) -> pd.DataFrame:
    """Return values with `activity` (interactions of the user) and `popularity` (of the item) among the valued ones."""
    return values.assign(
        activity=values.groupby("user")["value"].transform("size"),
        popularity=values.groupby("item")["value"].transform("size"),
    )


def extremes(values: pd.DataFrame, how_many: int = 10) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the most valuable interactions, best first, and the least valuable, worst first."""
    return values.nsmallest(how_many, "rank"), values.nlargest(how_many, "rank")


def rank_correlation(values: pd.DataFrame, column: str) -> float:
    """Return Spearman's correlation of the value with a column, in [-1, 1]; NaN where either is constant."""
    return float(values[["value", column]].corr(method="spearman").to_numpy()[0, 1])


def by_count(values: pd.DataFrame, column: str, bins: int = 20) -> pd.DataFrame:
    """Return the values in bins of a count, each bin of about as many interactions.

    Args:
        values: the values, with the count's column.
        column: the count.
        bins: the largest number of bins; there are fewer where many interactions share a count.

    Returns:
        One row a bin: the mean of the count, and mean, lower and upper quartile of the value.
    """
    inner = np.unique(np.quantile(values[column], np.linspace(0, 1, bins + 1)[1:-1]))
    groups = values.groupby(np.searchsorted(inner, values[column]))
    value = groups["value"]
    return pd.DataFrame(
        {
            column: groups[column].mean(),
            "mean": value.mean(),
            "lower": value.quantile(0.25),
            "upper": value.quantile(0.75),
        }
    )


def explanations(run: Run) -> list[dict[str, Any]]:
    """Return why the most and the least valuable interaction have their values; nothing where that is not known."""
    return read_json(run.explanations_path) if run.explanations_path.exists() else []


def explained_pairs(explained: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return the users and items of explained interactions and of those named as their company."""
    return pd.DataFrame(
        [(each["user"], each["item"]) for found in explained for each in (found, *found["partners"])],
        columns=["user", "item"],
    )
