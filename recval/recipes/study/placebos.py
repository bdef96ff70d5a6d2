"""Methods against their own placebos: do the weights help because of where they go, or only because they are uneven."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from recval.ranking import holm
from recval.recipes.schema import Recipe
from recval.recipes.summary import comparisons, seed_comparisons
from recval.store.files import read_table
from recval.store.run import Run


def placebo_tests(run: Run, recipe: Recipe) -> dict[str, dict[str, dict[str, float]]]:
    """Return the tests of each method against the placebo that has its weights in the wrong places.

    They are paired as those against the baseline are, over users or over seeds.

    Args:
        run: the finished run.
        recipe: its recipe.

    Returns:
        By metric and method, for the methods that have a placebo: `placebo_difference`, and `placebo_p`, a t-test's,
        adjusted by Holm over these methods for each metric by itself.
    """
    placebos = {method: placebo for method in recipe.methods if (placebo := recipe.placebo_of(method)) is not None}
    if not placebos:
        return {}
    summary, per_user = run.metrics(), read_table(run.per_user_path).to_pandas()
    found = {}
    for metric in recipe.metrics:
        tests = {
            method: test
            for method, placebo in placebos.items()
            if (test := _test(summary, per_user, metric, method, placebo)) is not None
        }
        adjusted = holm([test["t_p_value"] for test in tests.values()])
        found[metric] = {
            method: {"placebo_difference": test["difference"], "placebo_p": float(p)}
            for (method, test), p in zip(tests.items(), adjusted, strict=True)
        }
    return found


def _test(
    summary: Mapping[str, Any], per_user: pd.DataFrame, metric: str, method: str, placebo: str
) -> dict[str, Any] | None:
    """Return the comparison of a method with its placebo, as the baseline; None where there is nothing to pair."""
    if metric in summary["comparisons"]:
        return comparisons(per_user, [placebo, method], metric)[method]
    return seed_comparisons({name: summary["methods"][name] for name in (placebo, method)}, metric).get(method)
