"""The critical-difference picture: average ranks, and which systems could not be told apart.

Bars join systems that no test told apart. The thick ones are by Wilcoxon's test with Holm's correction, which is the
one to read; the thin ones by Nemenyi's critical difference, as in Demšar (Journal of Machine Learning Research 2006).
A bar holds for the systems that it has a dot on; Wilcoxon's test may tell one apart that stands between two others.
"""

from __future__ import annotations

from html import escape

import pandas as pd
import plotly.graph_objects as go

from recval.ranking.comparison import Bars, Comparison
from recval.report.figures import COLOURS, GREY, blank_figure
from recval.report.formats import number

_STYLES: dict[Bars, tuple[str, float, str]] = {
    "wilcoxon": (COLOURS[0], 5, "not told apart by Wilcoxon and Holm"),
    "nemenyi": (COLOURS[1], 2, "not told apart by the critical difference"),
}
_ROW = 26


def rank_figure(comparison: Comparison, metric: str) -> go.Figure:
    """Return the picture of a metric: the best rank to the left, each system named at the end of its line."""
    ranked = comparison.by_rank(metric)
    figure = blank_figure(f"average rank by {metric} (1 is best)", "")
    ends = _ends(comparison, metric)
    below = 0.0
    for by, (colour, width, label) in _STYLES.items():
        for at, group in enumerate(comparison.groups(metric, by)):
            below -= 0.6
            ranks = [float(ranked[name]) for name in group]
            line = {"line": {"color": colour, "width": width}, "marker": {"size": width + 4}}
            figure.add_scatter(
                x=ranks, y=[below] * len(ranks), mode="lines+markers", name=label, showlegend=at == 0, **line
            )
    rows = _label_rows(len(ranked))
    for (name, rank), (row, is_left) in zip(ranked.items(), rows, strict=True):
        _add_label(figure, f"{name}  {number(rank)}", float(rank), below - 0.9 - row, ends, is_left=is_left)
    distance = float(comparison.ranks["critical_difference"][metric])
    depth = 0.9 - below + max(row for row, _ in rows) + 0.8
    ruler = {"color": _STYLES["nemenyi"][0], "width": 2, "dash": "dot"}
    figure.add_scatter(
        x=[ends[0], ends[0] + distance],
        y=[-depth, -depth],
        mode="lines",
        line=ruler,
        name=f"critical difference {number(distance)}",
    )
    figure.update_xaxes(range=ends, side="top")
    figure.update_yaxes(visible=False, range=[-depth - 0.4, 0])
    return figure.update_layout(height=110 + _ROW * (depth + 0.4), legend={"y": 0, "yanchor": "top"})


def rank_text(comparison: Comparison, metric: str) -> str:
    """Return the picture in text: a line a system, the best rank first, a column a group by Wilcoxon and Holm."""
    ranked = comparison.by_rank(metric)
    groups = [ranked.index.get_indexer(pd.Index(group)).tolist() for group in comparison.groups(metric)]
    width = max(len(str(name)) for name in ranked.index)
    lines = []
    for row, (name, rank) in enumerate(ranked.items()):
        bars = " ".join("●" if row in group else "│" if group[0] < row < group[-1] else " " for group in groups)
        lines.append(f"{name!s:<{width}}  {rank:6.3f}  {bars}".rstrip())
    return "\n".join(lines)


def _ends(comparison: Comparison, metric: str) -> list[float]:
    """Return the ends of the axis: somewhat beyond the ranks, and wide enough for the critical difference."""
    ranked = comparison.by_rank(metric)
    low, high = float(ranked.min()), float(ranked.max())
    reach = max(high - low, float(comparison.ranks["critical_difference"][metric]))
    margin = 0.7 * reach - (high - low) / 2
    return [low - margin, high + margin]


def _label_rows(count: int) -> list[tuple[int, bool]]:
    """Return the row of each label, counted from the top, and whether it is on the left; no two lines cross."""
    left = (count + 1) // 2
    return [(row, True) for row in range(left)] + [(row, False) for row in reversed(range(count - left))]


def _add_label(figure: go.Figure, text: str, rank: float, y: float, ends: list[float], *, is_left: bool) -> None:
    """Add the line from a rank on the axis down to its row and out to the side, and the text at its end."""
    end = ends[0] if is_left else ends[1]
    line = {"color": GREY, "width": 1}
    figure.add_scatter(x=[rank, rank, end], y=[0, y, y], mode="lines", line=line, showlegend=False, hoverinfo="skip")
    figure.add_annotation(
        x=end,
        y=y,
        text=escape(text, quote=False),
        showarrow=False,
        xanchor="left" if is_left else "right",
        yanchor="bottom",
    )
