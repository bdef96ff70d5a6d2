"""Stability: do the values of the same interactions agree over training seeds, and over backbones (Spearman)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from recval.recipes.quality import pairwise_spearman
from recval.recipes.study.folder import StudyFolder
from recval.recipes.study.schema import Cell
from recval.recipes.valuation import values_of_seed

_COLUMNS = ("noise", "method", "across", "between", "correlation", "lowest", "pairs")


def stability_table(folder: StudyFolder, cells: Sequence[Cell]) -> pd.DataFrame:
    """Return one row a noise setting, method, and backbone or pair of backbones.

    Where `across` is "seeds", `between` names the backbone, and `correlation` is the mean over all pairs of seeds, with
    the `lowest` of them. Where it is "backbones", it is of the values' means over seeds under the two backbones. A
    method that gives the same for every seed has no row over seeds.
    """
    rows: list[tuple[object, ...]] = []
    for noise in dict.fromkeys(cell.noise for cell in cells):
        means: dict[str, dict[str, npt.NDArray[np.float64]]] = {}
        for cell in (cell for cell in cells if cell.noise == noise):
            for method in cell.recipe.valuators:
                values = _by_seed(folder, cell, method)
                means.setdefault(method, {})[cell.backbone] = values.mean(axis=0)
                if len(values) > 1:
                    found = pairwise_spearman(values)
                    rows.append((noise, method, "seeds", cell.backbone, found.mean(), found.min(), len(found)))
        for method, by_backbone in means.items():
            for first, second in combinations(by_backbone, 2):
                (found,) = pairwise_spearman(np.stack([by_backbone[first], by_backbone[second]]))
                rows.append((noise, method, "backbones", f"{first}, {second}", found, found, 1))
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _by_seed(folder: StudyFolder, cell: Cell, method: str) -> npt.NDArray[np.float64]:
    """Return a method's values, shape [seeds that it has, training interactions]."""
    run = folder.run_of(cell)
    return np.stack([values_of_seed(run, method, seed).value for seed in cell.recipe.seeds_of(method)])
