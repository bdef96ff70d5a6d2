"""Draws how well values find noise over what they cost, from the folder of a `recval value`; needs matplotlib.

python docs/figures/quality_against_cost.py runs/valuation-ml100k-noisy docs/figures/quality_against_cost.svg
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt

GREY, BLUE, ORANGE = "#85888c", "#0072b2", "#d55e00"


def draw(run: Path, out: Path) -> None:
    """Write the figure of a run as SVG: its AUROC over its cost; blue stands alone, orange takes part in a training."""
    found = json.loads((run / "valuation.json").read_text(encoding="utf8"))
    plt.rcParams.update({"svg.hashsalt": "recval", "svg.fonttype": "none", "font.size": 9, "text.color": GREY})
    figure, axes = plt.subplots(figsize=(7.5, 4.2))
    for name, method in found["methods"].items():
        if method["relative"] is None:
            continue
        quality = method["auroc"]
        colour = BLUE if method["facts"] else ORANGE
        axes.errorbar(method["relative"], quality["mean"], quality["sd"] or 0, fmt="o", color=colour)
        axes.annotate(name, (method["relative"], quality["mean"]), (6, 4), textcoords="offset points")
    axes.axhline(0.5, color=GREY, linestyle=":")
    axes.margins(x=0.12)
    axes.set(xscale="log", xlabel="cost, in units of one plain training", ylabel="AUROC of noise")
    axes.set_xticks([1, 2, 5, 10], labels=["1", "2", "5", "10"])
    axes.minorticks_off()
    axes.tick_params(colors=GREY)
    axes.xaxis.label.set_color(GREY)
    axes.yaxis.label.set_color(GREY)
    for spine in axes.spines.values():
        spine.set_color(GREY)
    figure.tight_layout()
    figure.savefig(out, transparent=True, metadata={"Date": None})


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
