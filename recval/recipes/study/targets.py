"""Target metrics: every metric of every method against the first, and whether a method moved what it aimed at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from recval.ranking import parse
from recval.recipes.method import MethodRecipe
from recval.recipes.study.folder import StudyFolder
from recval.recipes.study.placebos import placebo_tests
from recval.recipes.study.schema import Cell
from recval.report.meanings import aims_of
from recval.report.sentences import LEVEL

_COLUMNS = (
    *("noise", "backbone", "method", "kind", "metric", "lower_is_better", "is_target", "mean", "sd", "baseline"),
    *("difference", "relative", "gain", "ci_low", "ci_high", "p_value", "p_value_holm", "over", "n", "moved"),
    *("placebo_difference", "placebo_p"),
)


def targets_table(folder: StudyFolder, cells: Sequence[Cell]) -> pd.DataFrame:
    """Return one row a run, method other than the baseline, and metric.

    `gain` is the relative difference from the baseline, its sign turned where lower is better. The test is paired over
    what `over` says: users, or seeds for a metric with one value for all users; `p_value_holm` is adjusted over the
    methods of the run, for each metric by itself. `moved` says whether a target is better than the baseline's with an
    adjusted p below 0.05. The last two columns are of the method against its own placebo; see `placebo_tests`.
    """
    rows = []
    for cell in cells:
        run = folder.run_of(cell)
        summary, placebos = run.metrics(), placebo_tests(run, cell.recipe)
        tests = {**summary["comparisons"], **summary["seed_comparisons"]}
        for method in list(summary["methods"])[1:]:
            recipe = cell.recipe.methods[method]
            aims = targets_of(recipe)
            for metric, found in summary["methods"][method].items():
                names = {"noise": cell.noise, "backbone": cell.backbone, "method": method, "kind": recipe.kind}
                baseline = summary["methods"][summary["baseline"]].get(metric, {}).get("mean")
                measured = {"metric": metric, "mean": found["mean"], "sd": found["sd"], "baseline": baseline}
                test = _test(tests.get(metric, {}).get(method), metric, metric in aims)
                rows.append({**names, **measured, **test, **placebos.get(metric, {}).get(method, {})})
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    return table.astype(
        {
            "sd": float,
            "baseline": float,
            "relative": float,
            "gain": float,
            "placebo_difference": float,
            "placebo_p": float,
        }
    )


def targets_of(method: MethodRecipe) -> set[str]:
    """Return the metrics that a method's reward is, or is a sum of, as written; a soft form stands for its metric.

    A method that does not weigh aims at none.
    """
    return aims_of(getattr(method, "reward", None)) if method.weighs else set()


def _test(test: Mapping[str, Any] | None, metric: str, is_target: bool) -> dict[str, Any]:
    lower_is_better = parse(metric)[0].lower_is_better
    direction = {"lower_is_better": lower_is_better, "is_target": is_target}
    if test is None:
        return {**direction, "relative": np.nan, "gain": np.nan, "over": None, "n": 0, "moved": False}
    sign = -1 if lower_is_better else 1
    relative = np.nan if test["relative"] is None else test["relative"]
    better = sign * test["difference"] > 0
    over = "users" if "users" in test else "seeds"
    return {
        **direction,
        "difference": test["difference"],
        "relative": relative,
        "gain": sign * relative,
        "ci_low": test["ci_low"],
        "ci_high": test["ci_high"],
        "p_value": test["t_p_value"],
        "p_value_holm": test["t_p_value_holm"],
        "over": over,
        "n": test[over],
        "moved": bool(is_target and better and test["t_p_value_holm"] < LEVEL),
    }
