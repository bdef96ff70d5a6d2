"""The figures of an uplift report. Each holds at most some hundred points, however many customers there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from recval.report.figures import COLOURS, GREY, blank_figure

Curve = Mapping[str, Sequence[float | None]]
_DOTTED = {"color": GREY, "width": 1, "dash": "dot"}
_BAND = "rgba(133,136,140,0.22)"
_REACH = 1.96


def ranking_curve(curve: Curve, label: str) -> go.Figure:
    """Return an uplift or Qini curve in the band of random rankings.

    Args:
        curve: `share` of the customers, from 0 to 1; `gain`, and `low` and `high`, the ends of the band.
        label: the gain in words.
    """
    figure = blank_figure("share of customers, highest predicted uplift first", label)
    _band(figure, curve["share"], curve["low"], curve["high"], "95 % of random rankings")
    line = {"color": COLOURS[0], "width": 2.5}
    figure.add_scatter(x=[0, 1], y=[0, curve["gain"][-1]], mode="lines", line=_DOTTED, name="mean of random rankings")
    figure.add_scatter(x=curve["share"], y=curve["gain"], mode="lines", line=line, name="by predicted uplift")
    return figure.update_xaxes(tickformat=".0%")


def calibration_figure(deciles: Sequence[Mapping[str, Any]], unit: str) -> go.Figure:
    """Return the observed over the predicted mean uplift of each tenth, with 95 % bars and the line of equality."""
    unit = escape(unit, quote=False)
    figure = blank_figure(f"predicted uplift in {unit}, mean of the tenth", f"observed uplift in {unit}")
    predicted = [row["predicted"] for row in deciles]
    ends = [min(predicted), max(predicted)]
    bars = {"array": [_REACH * (row["standard_error"] or 0) for row in deciles], "thickness": 1}
    figure.add_scatter(x=ends, y=ends, mode="lines", line=_DOTTED, name="as predicted")
    figure.add_scatter(
        x=predicted,
        y=[row["observed"] for row in deciles],
        error_y=bars,
        mode="markers",
        marker={"color": COLOURS[0], "size": 8},
        name="a tenth of the customers",
    )
    return figure


def gainers_figure(rows: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Return how those with the highest predicted uplift differ from the rest: a bar a feature, the largest on top."""
    figure = blank_figure("difference from the rest, in standard deviations", "")
    falling = list(rows)[::-1]
    figure.add_bar(
        x=[row["difference"] for row in falling],
        y=[escape(feature_name(row), quote=False) for row in falling],
        orientation="h",
        marker={"color": [COLOURS[0 if (row["difference"] or 0) > 0 else 1] for row in falling]},
        showlegend=False,
    )
    return figure.update_layout(height=90 + 26 * len(falling), bargap=0.35)


def profit_figure(promised: Curve, measured: Curve) -> go.Figure:
    """Return the profit over what is spent: as the predictions promise, and as held-out customers earned it."""
    figure = blank_figure("spent on treatments", "profit")
    _band(figure, measured["budget"], measured["profit_low"], measured["profit_high"], "95 % interval, measured")
    lines = {"measured": (measured, COLOURS[0], "solid"), "promised": (promised, COLOURS[1], "dash")}
    for name, (curve, colour, dash) in lines.items():
        line = {"color": colour, "width": 2.5, "dash": dash}
        figure.add_scatter(x=curve["budget"], y=curve["profit"], mode="lines", line=line, name=name)
    return figure.add_hline(y=0, line=_DOTTED)


def return_figure(promised: Curve) -> go.Figure:
    """Return the return on the next unit of money over what is spent, as the predictions promise."""
    figure = blank_figure("spent on treatments", "profit of the next unit of money")
    line = {"color": COLOURS[1], "width": 2.5, "dash": "dash"}
    figure.add_scatter(x=promised["budget"], y=promised["marginal_roi"], mode="lines", line=line, showlegend=False)
    return figure.add_hline(y=0, line=_DOTTED)


def feature_name(row: Mapping[str, Any]) -> str:
    """Return what a row of a profile is about: a feature, or one of its categories."""
    return row["feature"] if row["category"] is None else f"{row['feature']}: {row['category']}"


def _band(
    figure: go.Figure,
    x: Sequence[float | None],
    low: Sequence[float | None],
    high: Sequence[float | None],
    name: str,
) -> None:
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    figure.add_scatter(x=x, y=low, showlegend=False, **edge)
    figure.add_scatter(x=x, y=high, fill="tonexty", fillcolor=_BAND, name=name, **edge)
