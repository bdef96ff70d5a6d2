"""The page of a study: what was found over all of its runs, and the way to each run's own report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from recval.report.names import data_title
from recval.report.page import write_page
from recval.report.study_figures import agreement_map, quality_against_costs, target_scatter
from recval.report.study_sentences import study_verdicts
from recval.report.tables import MetricTable
from recval.store.run import Run

_SHOWN = ("detection_summary", "areas", "stability", "cost")


def write_study(
    path: Path, study: Mapping[str, Any], tables: Mapping[str, pd.DataFrame], runs: Sequence[tuple[str, str, Run]]
) -> None:
    """Write `study.html` into the folder of a finished study.

    Args:
        path: the folder.
        study: the resolved study.
        tables: its tables by name.
        runs: the noise setting, the backbone and the folder of each run.

    Raises:
        RunError: a file of a run is missing or damaged, or the folder cannot be written.
    """
    accuracy = next((name for name in study["metrics"] if name.startswith("ndcg@")), study["metrics"][0])
    context = {
        "title": f"What values mean on {data_title(study['data'])}",
        "lead": study["description"],
        "study": study,
        "study_text": yaml.safe_dump(dict(study), sort_keys=False, allow_unicode=True),
        "verdicts": study_verdicts(tables),
        "tables": {name: tables[name].to_dict("records") if name in tables else [] for name in _SHOWN},
        "runs": [_run_section(path, *run) for run in runs],
        "accuracy": accuracy,
        "scatter": _scatter(tables, accuracy),
        "agreement": _agreement(tables),
        "quality": quality_against_costs(tables),
    }
    write_page(path / "study.html", "study.html.jinja", context)


def _run_section(path: Path, noise: str, backbone: str, run: Run) -> dict[str, Any]:
    summary = run.metrics()
    return {
        "noise": noise,
        "backbone": backbone,
        "table": MetricTable.of(summary),
        "link": run.report_path.relative_to(path).as_posix(),
    }


def _scatter(tables: Mapping[str, pd.DataFrame], accuracy: str) -> Any:
    targets = tables.get("targets")
    return target_scatter(targets, accuracy) if targets is not None and targets["is_target"].any() else None


def _agreement(tables: Mapping[str, pd.DataFrame]) -> list[dict[str, Any]]:
    stability = tables.get("stability", pd.DataFrame(columns=["noise"]))
    return [{"noise": noise, "figure": agreement_map(rows)} for noise, rows in stability.groupby("noise", sort=False)]
