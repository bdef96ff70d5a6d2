"""Cost: how long trainings and valuations took, beside plain training. Indicative: other work is in the seconds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from recval.recipes.study.folder import StudyFolder
from recval.recipes.study.schema import Cell
from recval.recipes.trials import MethodTrial
from recval.store.files import read_json

_COLUMNS = ("noise", "backbone", "method", "trials", "seconds", "epochs", "relative", "relative_per_epoch")


def cost_table(folder: StudyFolder, cells: Sequence[Cell]) -> pd.DataFrame:
    """Return one row a run and method: wall seconds and epochs, and the ratios to the first method that trains.

    All are means over the seeds whose trial was not interrupted, `trials` of them; the ratios pair the seeds. They are
    NaN where no seed is left. A valuation that stands alone has no epochs.
    """
    rows = []
    for cell in cells:
        run = folder.run_of(cell)
        seconds = run.seconds()
        found = pd.DataFrame(
            [
                (method, seed, seconds[place], read_json(run.path / place / "metrics.json").get("epochs", np.nan))
                for method in cell.recipe.methods
                for seed in cell.recipe.seeds_of(method)
                if (place := str(MethodTrial(method, seed).folder(run).relative_to(run.path))) in seconds
            ],
            columns=["method", "seed", "seconds", "epochs"],
        ).set_index(["method", "seed"])
        by_method = {name: found[found.index.get_level_values(0) == name].droplevel(0) for name in cell.recipe.methods}
        first = by_method[cell.recipe.trained[0]]
        for name, rows_of in by_method.items():
            relative = rows_of / first
            per_epoch = relative["seconds"] / relative["epochs"]
            means = (rows_of["seconds"].mean(), rows_of["epochs"].mean(), relative["seconds"].mean(), per_epoch.mean())
            rows.append((cell.noise, cell.backbone, name, len(rows_of), *means))
    return pd.DataFrame(rows, columns=list(_COLUMNS))
