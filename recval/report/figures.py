"""The figures of a report. Each holds summaries, not interactions, so that its size does not grow with the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import chain, cycle

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from recval.report.curves import ADDITION, KEPT

GREY = "#85888c"
"""Readable on light and on dark paper."""
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's colours, which colour-blind people can tell apart."""
_AXIS = {"gridcolor": "rgba(128,128,128,0.18)", "zeroline": False, "linecolor": GREY, "automargin": True}
_TICKS = np.outer(10 ** np.arange(9), [1, 2, 5]).ravel()


def method_colours(methods: list[str]) -> dict[str, str]:
    """Return a colour for each method; grey for the first, which is the baseline."""
    return dict(zip(methods, chain([GREY], cycle(COLOURS)), strict=False))


def learning_curves(history: pd.DataFrame, column: str, label: str) -> go.Figure:
    """Return the course of training: a thin line a seed, a thick one for the mean while all seeds train.

    Args:
        history: columns method, seed, epoch and `column`; NaN in epochs where it was not measured.
        column: what to show.
        label: the column in words.
    """
    figure = blank_figure("epoch", label)
    history = history.dropna(subset=column)
    colours = method_colours(list(dict.fromkeys(history["method"])))
    for method, colour in colours.items():
        wide = history[history["method"] == method].pivot(index="epoch", columns="seed", values=column)
        style = {"mode": "lines", "legendgroup": method, "name": escape(method, quote=False)}
        for _, line in wide.items() if wide.shape[1] > 1 else ():
            thin = {"color": colour, "width": 1}
            seed = line.dropna()
            figure.add_scatter(
                x=seed.index, y=seed, line=thin, opacity=0.3, showlegend=False, hoverinfo="skip", **style
            )
        mean = wide.dropna().mean(axis=1)
        figure.add_scatter(x=mean.index, y=mean, line={"color": colour, "width": 2.5}, **style)
    return figure


def value_histogram(values: pd.Series, bins: int = 80) -> go.Figure:
    """Return the distribution of values, with a line at 0."""
    counts, edges = np.histogram(values, bins)
    figure = blank_figure("value", "interactions")
    centres = (edges[:-1] + edges[1:]) / 2
    figure.add_bar(x=centres, y=counts, width=np.diff(edges), marker={"color": COLOURS[0]}, showlegend=False)
    figure.add_vline(x=0, line={"color": COLOURS[1], "width": 1.5, "dash": "dash"})
    return figure


def quality_against_cost(points: Sequence[tuple[str, float, float]], cost: str) -> go.Figure:
    """Return how well the values of each method find noise, over what they cost, with a line at chance.

    Args:
        points: name, cost and AUROC of each method.
        cost: what the cost is in.
    """
    figure = blank_figure(cost, "AUROC of noise")
    names, costs, quality = zip(*points, strict=True)
    figure.add_scatter(
        x=costs,
        y=quality,
        text=[escape(name, quote=False) for name in names],
        mode="markers+text",
        textposition="top center",
        marker={"color": COLOURS[0], "size": 9},
        showlegend=False,
        cliponaxis=False,
    )
    figure.add_hline(y=0.5, line={"color": GREY, "width": 1, "dash": "dot"})
    return figure.update_xaxes(type="log")


def value_by_count(binned: pd.DataFrame, label: str) -> go.Figure:
    """Return the mean value over a count, in a band between the quartiles.

    Args:
        binned: one row a bin: the count first, then mean, lower and upper.
        label: the count in words.
    """
    figure = blank_figure(label, "value")
    count = binned.iloc[:, 0]
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    figure.add_scatter(x=count, y=binned["lower"], showlegend=False, **edge)
    band = {"fill": "tonexty", "fillcolor": "rgba(0,114,178,0.2)", "name": "middle half"}
    figure.add_scatter(x=count, y=binned["upper"], **band, **edge)
    line = {"color": COLOURS[0], "width": 2.5}
    figure.add_scatter(x=count, y=binned["mean"], mode="lines+markers", line=line, name="mean")
    return figure.update_xaxes(type="log", tickvals=_TICKS, tickformat=",d")


_COLOUR_OF_DROPPED = {"lowest": COLOURS[0], "highest": COLOURS[1], "random": GREY}


def share_curve(points: pd.DataFrame, metric: str, whole: Mapping[str, float], curve: str) -> go.Figure:
    """Return a removal or an addition curve: a line an order, with bars from lowest to highest seed.

    Lines of the same trainings have the same colour in both.

    Args:
        points: columns order, share, seed and the metric; see `recval.report.curves.curve_points`.
        metric: the metric's name.
        whole: the metric of training on everything, by seed; empty where that was not measured.
        curve: which of the two it is.
    """
    verb = "kept" if curve == ADDITION else "dropped"
    figure = blank_figure(f"share {verb}", metric)
    start = pd.DataFrame({"share": float(curve == ADDITION), metric: list(whole.values())})
    for order, of_order in points.groupby("order", sort=False):
        found = pd.concat([start, of_order]).groupby("share")[metric].agg(["mean", "min", "max"])
        bars = {"array": found["max"] - found["mean"], "arrayminus": found["mean"] - found["min"], "thickness": 1}
        dropped = KEPT[str(order)] if curve == ADDITION else str(order)
        line = {"color": _COLOUR_OF_DROPPED[dropped], "width": 2.5}
        figure.add_scatter(
            x=found.index, y=found["mean"], error_y=bars, mode="lines+markers", line=line, name=f"{order} {verb}"
        )
    return figure.update_xaxes(tickformat=".0%")


def blank_figure(x: str, y: str) -> go.Figure:
    """Return an empty figure that is readable on light and on dark paper."""
    return go.Figure(
        layout={
            "template": "none",
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"color": GREY, "size": 12, "family": "system-ui, sans-serif"},
            "height": 340,
            "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
            "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
            "hovermode": "closest",
            "bargap": 0,
            "xaxis": {
                **_AXIS,
                "title": {"text": escape(x, quote=False)},
                "showgrid": False,
                "showline": True,
                "ticks": "outside",
            },
            "yaxis": {**_AXIS, "title": {"text": escape(y, quote=False), "standoff": 12}},
        }
    )
