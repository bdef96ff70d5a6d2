"""What the cells of a study say together: means, paired differences, and how often a ranking beat random ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from recval.ranking.significance import holm
from recval.recipes.uplift.study.cells import Cell
from recval.recipes.uplift.study.schema import ALL, UpliftStudy
from recval.uplift.metrics import compare_splits

Found = Mapping[Cell, Mapping[str, Any]]
Row = dict[str, Any]
_COMPARED = ("difference", "ci_low", "ci_high", "p_value", "won")
_KEYS = ["customers", "treatment", "metric"]


def study_table(study: UpliftStudy, found: Found) -> list[Row]:
    """Return one row a data set, treatment, metric and method.

    Args:
        study: the study.
        found: what every cell gave.

    Returns:
        `repeats`, in how many the metric is defined; `mean`, `sd` over them, `lowest`, `highest`; `above` and `below`,
        how many lie beyond the band of random rankings, and the mean ends of that, `null_low` and `null_high`;
        `reference`, what the method is compared with; `pairs`, over how many repeats; `difference`, its 95 % interval
        `ci_low` to `ci_high`, `p_value`, and `p_value_holm`, adjusted over the methods with the same reference; `won`,
        the share of repeats with a higher value; `by_repeat`. None where something is not defined. Made-up customers
        of several names are also taken together, as "all".
    """
    values = _values(study, found)
    made_up = [name for name in study.customers if study.is_made_up(name)]
    if len(made_up) > 1:
        values = pd.concat([values, values[values["customers"].isin(made_up)].assign(customers=ALL)])
    rows = []
    for _, of_metric in values.groupby(_KEYS, sort=False):
        rows += _of_metric(study, of_metric)
    return rows


def seconds_table(study: UpliftStudy, found: Found) -> list[Row]:
    """Return one row a data set and method: means of wall and processor seconds of a fit, and the failed repeats."""
    rows = []
    for customers in study.customers:
        for method in study.methods:
            cells = [found[Cell(customers, method, repeat)] for repeat in range(study.repeats)]
            fitted = [cell for cell in cells if cell["failed"] is None]
            rows.append(
                {
                    "customers": customers,
                    "method": method,
                    **{key: _mean([cell[key] for cell in fitted]) for key in ("seconds", "processor_seconds")},
                    "failed": len(cells) - len(fitted),
                    "failures": sorted({cell["failed"] for cell in cells if cell["failed"] is not None}),
                }
            )
    return rows


def _values(study: UpliftStudy, found: Found) -> pd.DataFrame:
    """Return one row a data set, treatment, metric, method and repeat, in the order of the study."""
    rows = [
        (cell.customers, arm, name, cell.method, (cell.customers, cell.repeat), *_ends(metric))
        for cell, result in found.items()
        for arm, metrics in result["arms"].items()
        for name, metric in metrics.items()
    ]
    columns = [*_KEYS, "method", "repeat", "value", "null_low", "null_high"]
    table = pd.DataFrame(rows, columns=columns)
    for column, order in (("metric", study.metrics), ("method", study.methods)):
        table[column] = pd.Categorical(table[column], list(order))
    table = table.sort_values(["metric", "method"], kind="stable")
    return table.astype(dict.fromkeys(columns[-3:], float) | {"metric": str, "method": str})


def _ends(metric: Mapping[str, Any]) -> tuple[float | None, ...]:
    return metric["value"], metric.get("null_low"), metric.get("null_high")


def _of_metric(study: UpliftStudy, table: pd.DataFrame) -> list[Row]:
    """Return the rows of one data set, treatment and metric."""
    customers = str(table["customers"].iloc[0])
    independent = customers == ALL or study.is_made_up(customers)
    ratio = 0.0 if independent else study.test / (1 - study.test)
    wide = table.pivot(index="repeat", columns="method", values="value")
    wide = wide[list(dict.fromkeys(table["method"]))]
    compared = _compared(study, wide, ratio)
    keys = {key: str(table[key].iloc[0]) for key in _KEYS}
    return [
        {**keys, "method": str(method), **_spread(rows), **compared[str(method)], "by_repeat": _defined(rows["value"])}
        for method, rows in table.groupby("method", sort=False)
    ]


def _compared(study: UpliftStudy, wide: pd.DataFrame, ratio: float) -> dict[str, Row]:
    """Return the comparison of each method with its reference; `wide` has a row a repeat and a column a method."""
    nothing: Row = dict.fromkeys((*_COMPARED, "p_value_holm"))
    found: dict[str, Row] = {}
    for method in map(str, wide):
        reference = study.reference_of(method)
        found[method] = {"reference": reference, "pairs": 0, **nothing}
        if reference is None or reference == method or reference not in wide:
            continue
        both = wide[[method, reference]].dropna()
        found[method]["pairs"] = len(both)
        if len(both) > 1:
            test = vars(compare_splits(both[method], both[reference], test_to_train=ratio))
            found[method] |= {key: test[key] for key in _COMPARED}
    tested = [row for row in found.values() if row["p_value"] is not None]
    for reference in dict.fromkeys(row["reference"] for row in tested):
        family = [row for row in tested if row["reference"] == reference]
        for row, adjusted in zip(family, holm([row["p_value"] for row in family]), strict=True):
            row["p_value_holm"] = float(adjusted)
    return found


def _spread(rows: pd.DataFrame) -> Row:
    values = rows["value"].dropna()
    banded = rows.dropna(subset=["value", "null_low", "null_high"])
    return {
        "repeats": len(values),
        "mean": _mean(values),
        "sd": float(values.std(ddof=1)) if len(values) > 1 else None,
        "lowest": float(values.min()) if len(values) else None,
        "highest": float(values.max()) if len(values) else None,
        "above": int((banded["value"] > banded["null_high"]).sum()) if len(banded) else None,
        "below": int((banded["value"] < banded["null_low"]).sum()) if len(banded) else None,
        "null_low": _mean(banded["null_low"]),
        "null_high": _mean(banded["null_high"]),
    }


def _mean(values: Sequence[float] | pd.Series) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _defined(values: pd.Series) -> list[float | None]:
    return [None if np.isnan(value) else value for value in values.tolist()]
