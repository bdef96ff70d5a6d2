"""Sentences that say what a study found, whichever way it came out."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import pandas as pd

from recval.report.formats import correlation, interval, number, p_equals, percent, share, signed
from recval.report.sentences import LEVEL, PLACEBOS

FREE = "free"
"""Stands for the backbone of what comes for free."""
LABELS = "labels"
"""Stands for the backbone of what was fitted to the labels of noise."""


def study_verdicts(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return the sentences of every question that a study asked.

    Args:
        tables: the study's tables by name.
    """
    tellers = {
        "detection_summary": detection_sentences,
        "areas": area_sentences,
        "targets": target_sentences,
        "stability": stability_sentences,
    }
    return [sentence for name, tell in tellers.items() if name in tables for sentence in tell(tables[name])]


def detection_sentences(summary: pd.DataFrame) -> Iterator[str]:
    """Yield for each noise setting the best values, how many beat the loss, and the best of what comes for free."""
    if summary.empty:
        yield "No noise setting has both true and false labels, so detection could not be measured."
    for noise, rows in summary.groupby("noise", sort=False):
        free, valued = rows[rows["backbone"] == FREE], rows[~rows["backbone"].isin([FREE, LABELS])]
        fitted = rows[rows["backbone"] == LABELS]
        best_free = _largest(free, "auroc")
        told = f"of what comes for free the best is {best_free['method']}, {number(best_free['auroc'])}"
        if len(valued):
            best = _largest(valued, "auroc")
            told = (
                f"the best of {len(valued)} valuations is {best['method']} on {best['backbone']} with an AUROC of "
                f"{number(best['auroc'])}; {told}. The best was picked by the labels themselves, which flatters it"
            )
        tested = valued.dropna(subset=["p_value_holm"])
        above = tested[(tested["p_value_holm"] < LEVEL) & (tested["difference"] > 0)]
        against = (
            f"; {len(above)} of {len(tested)} are significantly above the loss of their backbone" if len(tested) else ""
        )
        limit = (
            f"; fitted to the labels, the free scores reach {number(fitted['auroc'].iloc[0])}" if len(fitted) else ""
        )
        yield f"Noise {noise!r} ({share(rows['share'].iloc[0])} of the training interactions): {told}{against}{limit}."


def area_sentences(areas: pd.DataFrame) -> Iterator[str]:
    """Yield for each curve how far the order by value is from a random one, in the first metric."""
    first = areas[areas["metric"] == areas["metric"].iloc[0]] if len(areas) else areas
    for (noise, backbone, method, curve), rows in first.groupby(["noise", "backbone", "method", "curve"], sort=False):
        found = rows[rows["order"] != "random"].set_index("order")
        verb = "dropped" if curve == "removal" else "kept"
        parts = [
            f"{order} {verb} {signed(row['difference'])}"
            + (f" ({p_equals(row['p_value_holm'])})" if pd.notna(row["p_value_holm"]) else "")
            for order, row in found.iterrows()
        ]
        yield (
            f"{str(curve).capitalize()} by {method} ({backbone}, {noise}): the mean {rows['metric'].iloc[0]} over the "
            f"curve differs from the random order by: {'; '.join(parts)}."
        )


def target_sentences(targets: pd.DataFrame) -> Iterator[str]:
    """Yield for each run which targets moved, which did not, and what a placebo moved or is told apart from."""
    for (noise, backbone), rows in targets.groupby(["noise", "backbone"], sort=False):
        aimed = rows[rows["is_target"]]
        where = f"{backbone}, {noise}"
        if aimed.empty:
            yield f"{where}: no method aims at a metric that is reported."
        else:
            moved = [_moved(row) for _, row in aimed[aimed["moved"]].iterrows()]
            rest = [_not_moved(row) for _, row in aimed[~aimed["moved"]].iterrows()]
            yield (
                f"{where}: {len(moved)} of {len(aimed)} targets are significantly better than without weights "
                f"(p adjusted within each metric, not over the targets): "
                f"{'; '.join(moved) or 'none'}. Not so: {'; '.join(rest) or 'none'}."
            )
        placebos = rows[rows["kind"].isin(PLACEBOS)]
        found = [
            f"{row['method']}: {row['metric']} {signed(row['difference'])} ({p_equals(row['p_value_holm'])})"
            for _, row in placebos[placebos["p_value_holm"] < LEVEL].iterrows()
        ]
        if len(placebos):
            yield f"{where}: significantly moved by a placebo: {'; '.join(found) or 'nothing'}."
        for method, tested in rows.dropna(subset=["placebo_p"]).groupby("method", sort=False):
            apart, alike = tested[tested["placebo_p"] < LEVEL], tested[~(tested["placebo_p"] < LEVEL)]
            yield (
                f"{where}: {method} differs significantly from its own weights given to the wrong samples in: "
                f"{_from_placebo(apart)}. Not so: {_from_placebo(alike)}."
            )


def stability_sentences(stability: pd.DataFrame) -> Iterator[str]:
    """Yield how far values agree over seeds and over backbones, from the least to the most stable method."""
    for across, rows in stability.dropna(subset=["correlation"]).groupby("across", sort=False):
        high, low = _largest(rows, "correlation"), _largest(rows[::-1].assign(minus=-rows["correlation"]), "minus")
        yield (
            f"Over {across}, the values of a method agree with Spearman’s correlations from "
            f"{correlation(low['correlation'])} ({low['method']}, {low['between']}) to "
            f"{correlation(high['correlation'])} ({high['method']}, {high['between']})."
        )


def _largest(rows: pd.DataFrame, column: str) -> dict[Hashable, Any]:
    """Return the row with the largest value in a column."""
    return rows.nlargest(1, column).to_dict("records")[0]


def _from_placebo(rows: pd.DataFrame) -> str:
    told = [
        f"{row['metric']} {signed(row['placebo_difference'])} ({p_equals(row['placebo_p'])})"
        for _, row in rows.iterrows()
    ]
    return "; ".join(told) or "none"


def _moved(row: pd.Series) -> str:
    return (
        f"{row['method']} moves {row['metric']} by {signed(row['difference'])}, 95 % interval "
        f"{interval(row['ci_low'], row['ci_high'])}, {p_equals(row['p_value_holm'])} over {row['n']:,} {row['over']}"
    )


def _not_moved(row: pd.Series) -> str:
    if pd.isna(row["p_value_holm"]):
        return f"{row['method']}: {row['metric']} could not be tested"
    gain = "" if pd.isna(row["gain"]) else f", a gain of {percent(row['gain'])}"
    return (
        f"{row['method']}: {row['metric']} {signed(row['difference'])}{gain} "
        f"({p_equals(row['p_value_holm'])} over {row['n']:,} {row['over']})"
    )
