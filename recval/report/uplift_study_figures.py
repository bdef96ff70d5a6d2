"""The figures of an uplift study: differences from the reference, and values beside what random rankings reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from recval.report.figures import COLOURS, GREY, blank_figure

Rows = Sequence[Mapping[str, Any]]
_ROW = 24
_LINE = {"color": GREY, "width": 1, "dash": "dot"}


def differences_figure(rows: Rows, metric: str) -> go.Figure:
    """Return each method's mean difference from its reference with its 95 % interval.

    Args:
        rows: those of one data set, treatment and metric that have a difference; see
            `recval.recipes.uplift.study.tables`.
        metric: its name.
    """
    figure = blank_figure(f"difference in {metric}", "")
    differences = [row["difference"] for row in rows]
    figure.add_scatter(
        x=differences,
        y=_names(rows),
        error_x={
            "array": [row["ci_high"] - row["difference"] for row in rows],
            "arrayminus": [row["difference"] - row["ci_low"] for row in rows],
            "thickness": 1.5,
        },
        mode="markers",
        marker={"color": [_colour(row) for row in rows], "size": 8},
        showlegend=False,
    )
    figure.add_vline(x=0, line=_LINE)
    return _one_a_row(figure, rows)


def values_figure(rows: Rows, metric: str) -> go.Figure:
    """Return each method's mean and range over repeats, over the mean band of random rankings.

    Args:
        rows: those of one data set, treatment and metric that have a band.
        metric: its name.
    """
    figure = blank_figure(metric, "")
    names = _names(rows)
    figure.add_bar(
        x=[row["null_high"] - row["null_low"] for row in rows],
        base=[row["null_low"] for row in rows],
        y=names,
        orientation="h",
        marker={"color": "rgba(133,136,140,0.25)"},
        hoverinfo="skip",
        name="95 % of random rankings, mean over repeats",
    )
    figure.add_scatter(
        x=[row["mean"] for row in rows],
        y=names,
        error_x={
            "array": [row["highest"] - row["mean"] for row in rows],
            "arrayminus": [row["mean"] - row["lowest"] for row in rows],
            "thickness": 1,
        },
        mode="markers",
        marker={"color": COLOURS[0], "size": 8},
        name="mean, lowest and highest of the repeats",
    )
    return _one_a_row(figure, rows).update_layout(bargap=0.3)


def _names(rows: Rows) -> list[str]:
    return [escape(row["method"], quote=False) for row in rows]


def _colour(row: Mapping[str, Any]) -> str:
    """Return a colour where the interval leaves out 0."""
    if row["ci_low"] <= 0 <= row["ci_high"]:
        return GREY
    return COLOURS[0 if row["difference"] > 0 else 1]


def _one_a_row(figure: go.Figure, rows: Rows) -> go.Figure:
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure.update_layout(height=110 + _ROW * len(rows))
