"""The removal and the addition curve of a run: its points, and where both meet training on everything.

A run trains on what is left when a share is dropped. To drop the lowest nine tenths is to keep the highest tenth alone,
so one table of trainings holds both curves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

REMOVAL, ADDITION = "removal", "addition"
KEPT = {"lowest": "highest", "highest": "lowest", "random": "random"}
"""What is left, by what is dropped first."""


def curve_points(removal: pd.DataFrame, asked: Mapping[str, Any], curve: str) -> pd.DataFrame:
    """Return the points of a curve: columns order, share, seed, and one a metric.

    Order and share say what is dropped in the curve "removal", and what is kept alone in the curve "addition".

    Args:
        removal: the run's trainings on a part: columns order, fraction, seed, and one a metric.
        asked: the removal of the recipe, as its file has it: fractions, keep.
        curve: the curve.
    """
    points = removal.rename(columns={"fraction": "share"})
    if curve == ADDITION:
        points = points.assign(order=points["order"].map(KEPT), share=(1 - points["share"]).round(12))
    shares = np.array(asked.get("keep", ()) if curve == ADDITION else asked["fractions"])
    near = np.isclose(points["share"].to_numpy()[:, None], shares[None, :], rtol=0, atol=1e-9)
    return points[near.any(axis=1)]


def whole_of(recipe: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return what plain training on everything came to, by metric and seed.

    Empty where no plain method trains the backbone that was valued as it was trained: the curves do not lead there.

    Args:
        recipe: the recipe of the curves, as its file has it.
        summary: the summary of its metrics.
    """
    methods = recipe["methods"]
    alike = _trained(recipe, recipe["removal"]["method"])
    plain = (name for name, method in methods.items() if method["kind"] == "plain" and _trained(recipe, name) == alike)
    found = summary["methods"].get(next(plain, None), {})
    return {metric: spread["by_seed"] for metric, spread in found.items()}


def _trained(recipe: Mapping[str, Any], method: str) -> list[Any]:
    """Return the backbone of a method, and how it is trained."""
    return [recipe["methods"][method].get(key) or recipe.get(key) for key in ("model", "training")]
