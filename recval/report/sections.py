"""The sections of a report: what each shows, read from the run's folder; None where the run has nothing for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from recval.errors import ConfigError, DataError
from recval.report import figures
from recval.report.curves import ADDITION, REMOVAL, curve_points, whole_of
from recval.report.meanings import cost_label, error_meaning, value_meaning
from recval.report.names import with_names
from recval.report.sentences import curve_fact, tests_of
from recval.report.valued import (
    by_count,
    explained_pairs,
    explanations,
    extremes,
    rank_correlation,
    with_counts,
)
from recval.store.files import read_table
from recval.store.run import Run

Section = dict[str, Any]


def curves_section(run: Run, recipe: Mapping[str, Any]) -> Section | None:
    """Return the learning curves: one figure a validation metric, then the training loss."""
    frames = []
    for method in recipe["methods"]:
        for seed in recipe["seeds"]:
            path = run.trial_path("methods", method, seed) / "history.parquet"
            if path.exists():
                frames.append(read_table(path).to_pandas().assign(method=method, seed=seed))
    if not frames:
        return None
    history = pd.concat(frames, ignore_index=True)
    metrics = [name for name in history if name not in ("method", "seed", "epoch", "loss")]
    found = [figures.learning_curves(history, metric, f"{metric} (validation)") for metric in metrics]
    return {"figures": [*found, figures.learning_curves(history, "loss", "training loss")]}


def valuation_section(run: Run) -> Section | None:
    """Return what is known of the values of each method: cost, errors, and how good they are."""
    if not run.valuation_path.exists():
        return None
    found = run.valuation()
    rows = [{"method": name, **method} for name, method in found["methods"].items()]
    cost = "relative" if found["unit"] is not None else "seconds"
    told = [row for row in rows if row.get("auroc") and row[cost]]
    points = [(row["method"], row[cost], row["auroc"]["mean"]) for row in told]
    return {
        "rows": rows,
        "unit": found["unit"],
        "noise": found["noise"],
        "figure": figures.quality_against_cost(points, cost_label(found["unit"])) if points else None,
    }


def values_section(run: Run, recipe: Mapping[str, Any], summary: Mapping[str, Any]) -> Section | None:
    """Return the values: distribution, extremes by name, what made them, and how they go with known counts."""
    if not run.values_path.exists():
        return None
    values = with_counts(read_table(run.values_path).to_pandas())
    best, worst = extremes(values)
    listed = pd.concat([best, worst], ignore_index=True)
    explained = explanations(run)
    pairs = pd.concat([listed[["user", "item"]], explained_pairs(explained)], ignore_index=True)
    named, problem = _named(pairs, recipe)
    listed = listed.join(named[["title", "rating"]])
    labels = {"activity": "interactions of the user", "popularity": "interactions of the item"}
    return {
        "method": summary["valuator"],
        "meaning": value_meaning(recipe["methods"][summary["valuator"]]),
        "count": len(values),
        "negative": float((values["value"] < 0).mean()),
        "errors": error_meaning(int(values["count"].max()), _seeds_of_values(run, recipe), len(recipe["seeds"])),
        "histogram": figures.value_histogram(values["value"]),
        "best": listed.iloc[: len(best)].to_dict("records"),
        "worst": listed.iloc[len(best) :].to_dict("records"),
        "explained": explained,
        "titles": dict(zip(named["item"], named["title"], strict=True)),
        "problem": problem,
        "figures": [figures.value_by_count(by_count(values, name), label) for name, label in labels.items()],
        "correlations": {name: rank_correlation(values, name) for name in labels},
    }


def removal_section(run: Run, recipe: Mapping[str, Any], summary: Mapping[str, Any]) -> Section | None:
    """Return the removal and the addition curve of each metric.

    Where nothing is dropped they show plain training of the same model, with the same seeds where there are.
    """
    removal = run.removal()
    if removal is None:
        return None
    asked, everything = recipe["removal"], whole_of(recipe, summary)
    curves = {curve: curve_points(removal, asked, curve) for curve in (REMOVAL, ADDITION)}
    seeds = set(map(str, removal["seed"]))
    found = []
    for metric in tests_of(summary):
        whole = everything.get(metric, {})
        same = {seed: value for seed, value in whole.items() if seed in seeds} or whole
        found += [
            {"figure": figures.share_curve(points, metric, same, curve), "fact": curve_fact(points, metric, curve)}
            for curve, points in curves.items()
            if len(points)
        ]
    return {"metrics": found, "method": asked["method"], "seeds": len(seeds), "kept": len(curves[ADDITION]) > 0}


def _seeds_of_values(run: Run, recipe: Mapping[str, Any]) -> int:
    """Return over how many seeds the run's values are."""
    if not run.valuation_path.exists():
        return len(recipe["seeds"])
    found = run.valuation()
    return len(found["methods"][found["valuator"]]["seeds"])


def _named(pairs: pd.DataFrame, recipe: Mapping[str, Any]) -> tuple[pd.DataFrame, str | None]:
    """Return interactions with titles and ratings, or without any and what kept the data from being read."""
    try:
        return with_names(pairs, recipe["data"]), None
    except (ConfigError, DataError) as error:
        return pairs.assign(title=None, rating=float("nan")), str(error)
