"""Removal and addition curves of all runs, and the area under each: does it matter in which order data goes or comes.

The area is the mean height of a curve from one end of its shares to the other, with straight lines between its points.
Of a removal curve, which begins with everything, a good order dropped lowest first keeps it high, and one dropped
highest first makes it fall; an addition curve ends with everything, and the highest kept should stand above as many
kept at random.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from recval.recipes.schema import dropped_of
from recval.recipes.study.folder import StudyFolder
from recval.recipes.study.schema import Cell
from recval.recipes.summary import seed_test

_KEPT = {"lowest": "highest", "highest": "lowest", "random": "random"}
"""What is left, by what is dropped first."""
_KEYS = ["noise", "backbone", "method", "curve", "order", "share", "seed"]


def curves_table(folder: StudyFolder, cells: Sequence[Cell]) -> pd.DataFrame:
    """Return one row a point and seed: noise, backbone, method, curve, order, share, seed, and one column a metric.

    The curve "removal" drops the share, in the order "lowest", "highest" or "random"; the curve "addition" keeps it
    alone. Both have the point where everything is trained on, at 0 and at 1, from the run's plain training with the
    same seed, where there is one.
    """
    frames = [frame for cell in cells for frame in _curves(folder, cell)]
    metrics = list(cells[0].recipe.metrics)
    return (
        pd.concat(frames, ignore_index=True)[[*_KEYS, *metrics]] if frames else pd.DataFrame(columns=[*_KEYS, *metrics])
    )


def _curves(folder: StudyFolder, cell: Cell) -> Iterator[pd.DataFrame]:
    asked, removal = cell.recipe.removal, folder.run_of(cell).removal()
    if asked is None or removal is None:
        return
    names = {"noise": cell.noise, "backbone": cell.backbone, "method": asked.method}
    whole = _whole(folder, cell)
    for curve, shares in (("removal", asked.fractions), ("addition", tuple(map(dropped_of, asked.keep)))):
        points = removal[removal["fraction"].isin(shares)]
        if len(points):
            starts = [whole.assign(order=order, fraction=0.0) for order in points["order"].unique()]
            points = pd.concat([points, *starts], ignore_index=True)
            if curve == "addition":
                points["order"], points["fraction"] = points["order"].map(_KEPT), (1 - points["fraction"]).round(12)
            points = points.rename(columns={"fraction": "share"}).assign(**names, curve=curve)
            yield points.sort_values(["order", "share", "seed"], kind="stable")


def _whole(folder: StudyFolder, cell: Cell) -> pd.DataFrame:
    """Return the metrics of plain training on everything, one row a seed of the curves that it was trained with."""
    recipe = cell.recipe
    plain = next((name for name, method in recipe.methods.items() if method.kind == "plain"), None)
    if plain is None or recipe.removal is None:
        return pd.DataFrame(columns=["seed"])
    found = folder.run_of(cell).metrics()["methods"][plain]
    seeds = [seed for seed in recipe.removal.seeds if seed in recipe.seeds]
    return pd.DataFrame(
        [{"seed": seed, **{name: one["by_seed"][str(seed)] for name, one in found.items()}} for seed in seeds]
    )


def areas_table(curves: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """Return one row a curve, order and metric: the area's mean and deviation over seeds, and how far from random.

    `difference` is the mean over seeds of the area less that of the random order, `p_value` that of a t-test paired
    over seeds; NaN where there is one seed.
    """
    rows = []
    for key, of_curve in curves.groupby(_KEYS[:4], sort=False):
        for metric in metrics:
            areas = {
                str(order): by_order.groupby("seed")[["share", metric]].apply(_area)
                for order, by_order in of_curve.groupby("order", sort=False)
            }
            for order, area in areas.items():
                gap = area - areas["random"]
                test = seed_test(area, areas["random"]) if order != "random" and len(area) > 1 else None
                rows.append(
                    {
                        **dict(zip(_KEYS[:4], key, strict=True)),
                        "order": order,
                        "metric": metric,
                        "seeds": len(area),
                        "area": float(area.mean()),
                        "area_sd": float(area.std(ddof=1)),
                        "difference": np.nan if order == "random" else float(gap.mean()),
                        "p_value": test.t_p_value if test else np.nan,
                    }
                )
    return pd.DataFrame(rows)


def _area(points: pd.DataFrame) -> float:
    """Return the mean height of a curve; of a single point its height."""
    share, height = (points.sort_values("share").iloc[:, column].to_numpy(float) for column in (0, 1))
    reach = share[-1] - share[0]
    return float(np.trapezoid(height, share) / reach) if reach else float(height.mean())
