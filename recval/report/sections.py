"""The sections of a report: what each shows, read from the run's folder; None where the run has nothing for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from recval.errors import ConfigError, DataError
from recval.report import figures
from recval.report.names import with_names
from recval.report.sentences import removal_fact
from recval.report.valued import by_count, extremes, rank_correlation, with_counts
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


def values_section(run: Run, recipe: Mapping[str, Any], summary: Mapping[str, Any]) -> Section | None:
    """Return the values: their distribution, the extremes by name, and how they go with activity and popularity."""
    if not run.values_path.exists():
        return None
    values = with_counts(read_table(run.values_path).to_pandas())
    best, worst = extremes(values)
    named, problem = _named(pd.concat([best, worst]), recipe)
    labels = {"activity": "interactions of the user", "popularity": "interactions of the item"}
    return {
        "method": summary["valuator"],
        "count": len(values),
        "negative": float((values["value"] < 0).mean()),
        "estimates": int(values["count"].max()),
        "histogram": figures.value_histogram(values["value"]),
        "best": named.iloc[: len(best)].to_dict("records"),
        "worst": named.iloc[len(best) :].to_dict("records"),
        "problem": problem,
        "figures": [figures.value_by_count(by_count(values, name), label) for name, label in labels.items()],
        "correlations": {name: rank_correlation(values, name) for name in labels},
    }


def removal_section(run: Run, recipe: Mapping[str, Any], summary: Mapping[str, Any]) -> Section | None:
    """Return the removal curve of each metric. At 0 it shows plain training, with the same seeds where there are."""
    removal = run.removal()
    if removal is None:
        return None
    plain = next((name for name, method in recipe["methods"].items() if method["kind"] == "plain"), None)
    seeds = set(map(str, removal["seed"]))
    found = []
    for metric in summary["comparisons"]:
        whole = {} if plain is None else summary["methods"][plain][metric]["by_seed"]
        same = {seed: value for seed, value in whole.items() if seed in seeds}
        found.append(
            {
                "figure": figures.removal_curve(removal, metric, same or whole),
                "fact": removal_fact(removal, metric),
            }
        )
    return {"metrics": found, "method": recipe["removal"]["method"], "seeds": len(seeds)}


def _named(pairs: pd.DataFrame, recipe: Mapping[str, Any]) -> tuple[pd.DataFrame, str | None]:
    """Return interactions with titles and ratings, or without any and what kept the data from being read."""
    try:
        return with_names(pairs, recipe["data"]), None
    except (ConfigError, DataError) as error:
        return pairs.assign(title=None, rating=float("nan")), str(error)
