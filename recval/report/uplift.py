"""The page of an uplift run: what a model is worth on customers held out, in sentences, figures and tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recval.report.page import flat, write_page
from recval.report.uplift_figures import (
    calibration_figure,
    feature_name,
    gainers_figure,
    profit_figure,
    ranking_curve,
    return_figure,
)
from recval.report.uplift_sentences import Found, uplift_verdicts

_LABELS = {"uplift": "gain in {unit} per customer of all", "qini": "gain in {unit} per customer, Qini"}


def write_uplift(
    path: Path,
    found: Found,
    unit: str,
    environment: Mapping[str, Any],
    *,
    lead: str = "",
    models: Found | None = None,
    recipe_text: str = "",
) -> None:
    """Write the page of what a model was found to be worth.

    Args:
        path: the file.
        found: what `recval.recipes.uplift.evaluate` found.
        unit: what responses are called.
        environment: versions and machine.
        lead: what was asked.
        models: the metrics of several models by treatment, where there are several; see
            `recval.recipes.uplift.summary`.
        recipe_text: the recipe of the run, where it is one.

    Raises:
        RunError: the file cannot be written.
    """
    trials = max((row["trials"] for of_arm in (models or {}).values() for row in of_arm.values()), default=1)
    context = {
        "title": f"Whom to treat, by {unit}",
        "lead": lead,
        "unit": unit,
        "customers": found["customers"],
        "control": found["control"],
        "warnings": found["warnings"],
        "verdicts": uplift_verdicts(found, models or {}, unit),
        "several": trials,
        "arms": [_arm(name, of_arm, (models or {}).get(name, {}), unit) for name, of_arm in found["arms"].items()],
        "plan": _plan(found["plan"]),
        "recipe_text": recipe_text,
        "environment": flat(environment),
    }
    write_page(path, "uplift.html.jinja", context)


def _arm(name: str, found: Found, models: Found, unit: str) -> dict[str, Any]:
    effect = found["average_effect"]
    return {
        **found,
        "name": name,
        "may_be_none": effect["low"] <= 0 <= effect["high"],
        "curves": [ranking_curve(found["curves"][kind], label.format(unit=unit)) for kind, label in _LABELS.items()],
        "rows": [
            {"name": metric, "found": _is_beyond(row), "models": models.get(metric), **row}
            for metric, row in found["metrics"].items()
        ],
        "calibration": calibration_figure(found["deciles"], unit),
        "gainers": gainers_figure(found["gainers"]),
        "features": [{**row, "name": feature_name(row)} for row in found["gainers"]],
    }


def _is_beyond(metric: Mapping[str, Any]) -> bool:
    """Return whether a metric lies beyond the band of random rankings, if it has one."""
    if metric["null_low"] is None or metric["value"] is None:
        return False
    return not metric["null_low"] <= metric["value"] <= metric["null_high"]


def _plan(plan: Found | None) -> dict[str, Any] | None:
    if plan is None:
        return None
    figures = [profit_figure(plan["promised_curve"], plan["measured_curve"])]
    if len(plan["promised_curve"]["budget"]) > 2:
        figures.append(return_figure(plan["promised_curve"]))
    rows = [
        {"arm": arm, "customers": customers, "cost": plan["cost"][arm]} for arm, customers in plan["treated"].items()
    ]
    return {**plan, "figures": figures, "rows": rows}
