"""Cost: how long the trainings took, beside plain training. Indicative: other work on the machine is in it."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pandas as pd

from recval.recipes.study.folder import StudyFolder
from recval.recipes.study.schema import Cell
from recval.recipes.trials import MethodTrial
from recval.store.files import read_json
from recval.store.run import Run

_COLUMNS = ("noise", "backbone", "method", "trials", "seconds", "epochs", "relative", "relative_per_epoch")


def cost_table(folder: StudyFolder, cells: Sequence[Cell]) -> pd.DataFrame:
    """Return one row a run and method: wall seconds and epochs of a training, and the ratios to the first method.

    All are means over the seeds whose training was not interrupted, `trials` of them; the ratios pair the seeds. They
    are NaN where no seed is left.
    """
    rows = []
    for cell in cells:
        run = folder.run_of(cell)
        seconds = _seconds(run)
        found = pd.DataFrame(
            [
                (method, seed, seconds[place], read_json(run.path / place / "metrics.json")["epochs"])
                for method in cell.recipe.methods
                for seed in cell.recipe.seeds
                if (place := str(MethodTrial(method, seed).folder(run).relative_to(run.path))) in seconds
            ],
            columns=["method", "seed", "seconds", "epochs"],
        ).set_index(["method", "seed"])
        by_method = {name: found[found.index.get_level_values(0) == name].droplevel(0) for name in cell.recipe.methods}
        first = next(iter(by_method.values()))
        for name, rows_of in by_method.items():
            relative = (rows_of / first).dropna()
            per_epoch = relative["seconds"] / relative["epochs"]
            means = (rows_of["seconds"].mean(), rows_of["epochs"].mean(), relative["seconds"].mean(), per_epoch.mean())
            rows.append((cell.noise, cell.backbone, name, len(rows_of), *means))
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _seconds(run: Run) -> dict[str, float]:
    """Return the seconds of each trial, by its folder, of those that were not continued after an interruption."""
    events = [json.loads(line) for line in run.log_path.read_text(encoding="utf8").splitlines()]
    return {
        event["folder"]: event["seconds"]
        for event in events
        if event["event"] == "trial" and "seconds" in event and not event["continued"]
    }
