"""The figures of a study: accuracy against the target, how far values agree, and what finding noise costs."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from recval.report.figures import COLOURS, GREY, blank_figure, quality_against_cost

_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star")
_ROW = 28


def target_scatter(targets: pd.DataFrame, accuracy: str) -> go.Figure:
    """Return each method's gain in its target over its gain in accuracy; a colour a backbone, a symbol a noise setting.

    Plain training is where the lines cross.

    Args:
        targets: one row a run, method and metric: noise, backbone, method, metric, is_target, gain.
        accuracy: the metric of the horizontal axis.
    """
    figure = blank_figure(f"gain in {accuracy}", "gain in the target")
    keys = ["noise", "backbone", "method"]
    cost = targets[targets["metric"] == accuracy].set_index(keys)["gain"].rename("accuracy")
    points = targets[targets["is_target"]].join(cost, on=keys).dropna(subset=["gain", "accuracy"])
    noises, backbones = (list(points[name].unique()) for name in ("noise", "backbone"))
    for (noise, backbone), rows in points.groupby(["noise", "backbone"], sort=False):
        marker = {
            "color": COLOURS[backbones.index(backbone) % len(COLOURS)],
            "symbol": _SYMBOLS[noises.index(noise) % len(_SYMBOLS)],
            "size": 9,
        }
        labels = [escape(f"{row.method}: {row.metric}", quote=False) for row in rows.itertuples()]
        name = escape(f"{backbone}, {noise}" if len(noises) > 1 else str(backbone), quote=False)
        figure.add_scatter(
            x=rows["accuracy"],
            y=rows["gain"],
            mode="markers+text",
            text=labels,
            textposition="top center",
            marker=marker,
            name=name,
        )
    line = {"color": GREY, "width": 1, "dash": "dot"}
    figure.add_hline(y=0, line=line)
    figure.add_vline(x=0, line=line)
    figure.update_layout(height=480, margin={"l": 8, "r": 8, "t": 8, "b": 8})
    return figure.update_xaxes(tickformat="+.1%").update_yaxes(tickformat="+.1%")


def agreement_map(stability: pd.DataFrame) -> go.Figure:
    """Return Spearman's correlations of a noise setting: a row a method, a column a backbone or pair of backbones.

    Args:
        stability: one row a method, and backbone or pair: method, across, between, correlation.
    """
    columns = stability["across"].map({"seeds": "seeds of ", "backbones": ""}) + stability["between"]
    wide = stability.assign(column=columns).pivot(index="method", columns="column", values="correlation")
    wide = wide.loc[list(dict.fromkeys(stability["method"])), list(dict.fromkeys(columns))]
    values = wide.to_numpy(float)
    figure = blank_figure("", "")
    figure.add_heatmap(
        z=values,
        x=[escape(str(name), quote=False) for name in wide.columns],
        y=[escape(str(name), quote=False) for name in wide.index],
        text=np.where(np.isnan(values), "", np.char.mod("%+.2f", np.nan_to_num(values))),
        texttemplate="%{text}",
        zmin=-1,
        zmax=1,
        colorscale="RdBu",
        hoverongaps=False,
        colorbar={"thickness": 10},
    )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure.update_layout(height=110 + _ROW * len(wide))


def quality_against_costs(tables: Mapping[str, pd.DataFrame]) -> list[dict[str, Any]]:
    """Return a figure a noise setting and backbone: how well the methods' values find noise, over what they cost."""
    keys = ["noise", "backbone", "method"]
    if not {"detection_summary", "cost"} <= tables.keys():
        return []
    both = tables["detection_summary"].merge(tables["cost"], on=keys).dropna(subset=["auroc", "relative"])
    return [
        {
            "name": f"{backbone}, {noise}",
            "figure": quality_against_cost(
                list(rows[["method", "relative", "auroc"]].itertuples(index=False, name=None)), "cost in trainings"
            ),
        }
        for (noise, backbone), rows in both.groupby(["noise", "backbone"], sort=False)
    ]
