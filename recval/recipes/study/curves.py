"""Removal and addition curves of all runs, and the area under each: does it matter in which order data goes or comes.

The area is the mean height of a curve from one end of its shares to the other, with straight lines between its points.
Of a removal curve, which begins with everything, a good order dropped lowest first keeps it high, and one dropped
highest first makes it fall; an addition curve ends with everything, and the highest kept should stand above as many
kept at random. What belongs to which curve, and what everything is, says `recval.report.curves`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from recval.ranking import holm
from recval.recipes.study.folder import StudyFolder
from recval.recipes.study.schema import Cell
from recval.recipes.summary import seed_test
from recval.report.curves import ADDITION, REMOVAL, curve_points, whole_of

_KEYS = ["noise", "backbone", "method", "curve", "order", "share", "seed"]
_AREAS = (*_KEYS[:5], "metric", "seeds", "area", "area_sd", "difference", "p_value", "p_value_holm")


def curves_table(folder: StudyFolder, cells: Sequence[Cell]) -> pd.DataFrame:
    """Return one row a point and seed: noise, backbone, method, curve, order, share, seed, and one column a metric.

    The curve "removal" drops the share, in the order "lowest", "highest" or "random"; the curve "addition" keeps it
    alone. Both have the point where everything is trained on, at 0 and at 1, from plain training with the same seeds,
    if the run has plain training of the valued backbone with every one of them: so the curves of all seeds reach alike.
    """
    frames = [frame for cell in cells for frame in _curves(folder, cell)]
    metrics = list(cells[0].recipe.metrics)
    return (
        pd.concat(frames, ignore_index=True)[[*_KEYS, *metrics]] if frames else pd.DataFrame(columns=[*_KEYS, *metrics])
    )


def _curves(folder: StudyFolder, cell: Cell) -> Iterator[pd.DataFrame]:
    run, recipe = folder.run_of(cell), cell.recipe.model_dump(mode="json")
    asked, removal = recipe["removal"], run.removal()
    if asked is None or removal is None:
        return
    names = {"noise": cell.noise, "backbone": cell.backbone, "method": asked["method"]}
    whole = _whole(asked["seeds"], whole_of(recipe, run.metrics()))
    for curve, end in ((REMOVAL, 0.0), (ADDITION, 1.0)):
        points = curve_points(removal, asked, curve)
        if len(points):
            ends = [whole.assign(order=order, share=end) for order in points["order"].unique() if len(whole)]
            points = pd.concat([points, *ends], ignore_index=True).assign(**names, curve=curve)
            yield points.sort_values(["order", "share", "seed"], kind="stable")


def _whole(seeds: Sequence[int], everything: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Return the metrics of training on everything, one row a seed; none where it was not trained with every seed."""
    rows: list[dict[str, Any]] = [
        {"seed": seed, **{metric: by_seed.get(str(seed)) for metric, by_seed in everything.items()}} for seed in seeds
    ]
    complete = bool(everything) and not any(value is None for row in rows for value in row.values())
    return pd.DataFrame(rows if complete else [], columns=["seed", *everything])


def areas_table(curves: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """Return one row a curve, order and metric: the area's mean and deviation over seeds, and how far from random.

    `difference` is the mean over seeds of the area less that of the random order, `p_value` that of a t-test paired
    over seeds, `p_value_holm` the same adjusted over the orders of the curve, for each metric by itself; NaN where
    there is one seed, or the metric is not defined at some point.
    """
    frames = []
    for key, of_curve in curves.groupby(_KEYS[:4], sort=False):
        for metric in metrics:
            areas = of_curve.groupby(["seed", "order"])[["share", metric]].apply(_area).unstack("order")
            frames.append(
                _against_random(areas).assign(metric=metric, **dict(zip(_KEYS[:4], map(str, key), strict=True)))
            )
    return pd.concat(frames, ignore_index=True)[list(_AREAS)] if frames else pd.DataFrame(columns=list(_AREAS))


def _against_random(areas: pd.DataFrame) -> pd.DataFrame:
    """Return one row an order, with the test against the random one; `areas` has a row a seed and a column an order."""
    random, others = areas["random"], areas.drop(columns="random")
    tested = {order: area for order, area in others.items() if len(area) > 1 and np.isfinite([area, random]).all()}
    p_values = pd.Series({order: seed_test(area, random).t_p_value for order, area in tested.items()}, dtype=float)
    found = {
        "seeds": len(areas),
        "area": areas.mean(skipna=False),
        "area_sd": areas.std(ddof=1, skipna=False),
        "difference": others.sub(random, axis=0).mean(skipna=False),
        "p_value": p_values,
        "p_value_holm": pd.Series(holm(p_values), p_values.index),
    }
    return pd.DataFrame(found).rename_axis("order").reset_index()


def _area(points: pd.DataFrame) -> float:
    """Return the mean height of a curve; of a single point its height."""
    share, height = (points.sort_values("share").iloc[:, column].to_numpy(float) for column in (0, 1))
    reach = share[-1] - share[0]
    return float(np.trapezoid(height, share) / reach) if reach else float(height.mean())
