"""The page of an uplift study: tables of methods by metrics, and figures of their differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recval.report.formats import mean_sd, number
from recval.report.page import flat, write_page
from recval.report.uplift_study_figures import Rows, differences_figure, values_figure

_LEVEL = 0.05


def write_uplift_study(
    path: Path,
    table: Sequence[Mapping[str, Any]],
    seconds: Sequence[Mapping[str, Any]],
    environment: Mapping[str, Any],
    *,
    lead: str = "",
    study_text: str = "",
) -> None:
    """Write the page of a finished study.

    Args:
        path: the file.
        table: a row a data set, treatment, metric and method; see `recval.recipes.uplift.study.tables`.
        seconds: a row a data set and method.
        environment: versions and machine.
        lead: what was asked.
        study_text: the study.

    Raises:
        RunError: the file cannot be written.
    """
    context = {
        "title": "Which uplift method helps",
        "lead": lead,
        "verdicts": _verdicts(table),
        "sections": [_section(*key, _rows_of(table, key), seconds) for key in _sections(table)],
        "failures": [row for row in seconds if row["failed"]],
        "study_text": study_text,
        "environment": flat(environment),
    }
    write_page(path, "uplift_study.html.jinja", context)


def _sections(table: Rows) -> list[tuple[str, str]]:
    return list(dict.fromkeys((row["customers"], row["treatment"]) for row in table))


def _rows_of(table: Rows, key: tuple[str, str]) -> list[Mapping[str, Any]]:
    return [row for row in table if (row["customers"], row["treatment"]) == key]


def _section(customers: str, treatment: str, rows: Rows, seconds: Rows) -> dict[str, Any]:
    """Return the table and the figures of one data set and treatment."""
    metrics = list(dict.fromkeys(row["metric"] for row in rows))
    found = {(row["method"], row["metric"]): row for row in rows}
    took = {row["method"]: row["seconds"] for row in seconds if row["customers"] == customers}
    methods = list(dict.fromkeys(row["method"] for row in rows))
    by_metric = {metric: [row for row in rows if row["metric"] == metric] for metric in metrics}
    compared = {metric: [row for row in of if row["difference"] is not None] for metric, of in by_metric.items()}
    banded = {metric: [row for row in of if row["null_low"] is not None] for metric, of in by_metric.items()}
    return {
        "title": f"{customers}, {treatment}",
        "metrics": metrics,
        "methods": [
            {
                "name": method,
                "cells": [_cell(found.get((method, metric))) for metric in metrics],
                "seconds": number(took.get(method)),
            }
            for method in methods
        ],
        "differences": [row for of in compared.values() for row in of],
        "figures": [differences_figure(of, metric) for metric, of in compared.items() if of][:2]
        + [values_figure(of, metric) for metric, of in banded.items() if of][:2],
    }


def _cell(row: Mapping[str, Any] | None) -> dict[str, Any]:
    if row is None or row["mean"] is None:
        return {"text": "–", "beyond": ""}
    beyond = "" if row["above"] is None else f"{row['above'] + row['below']} of {row['repeats']} outside the band"
    return {"text": number(row["mean"]) if row["sd"] is None else mean_sd(row["mean"], row["sd"]), "beyond": beyond}


def _verdicts(table: Rows) -> list[str]:
    """Return for each data set and treatment how many methods differ significantly in its first metric."""
    sentences = []
    for customers, treatment in _sections(table):
        rows = _rows_of(table, (customers, treatment))
        metric = rows[0]["metric"]
        tested = [row for row in rows if row["metric"] == metric and row["p_value_holm"] is not None]
        sure = [row for row in tested if row["p_value_holm"] < _LEVEL]
        higher = [row["method"] for row in sure if row["difference"] > 0]
        lower = [row["method"] for row in sure if row["difference"] < 0]
        sentences.append(
            f"{customers}, {treatment}: of {len(tested)} methods, compared in {metric}, {len(higher)} are "
            f"significantly higher than their reference ({'; '.join(higher) or 'none'}), and {len(lower)} lower "
            f"({'; '.join(lower) or 'none'})."
        )
    return sentences
