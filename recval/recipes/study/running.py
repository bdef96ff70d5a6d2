"""From a study to its tables: every run, then what they say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pandas as pd

from recval.data import Split
from recval.engine import Executor
from recval.engine.executor import OnProgress
from recval.errors import ConfigError, DataError, ModelError
from recval.recipes import running
from recval.recipes.checking import check_run
from recval.recipes.stages import Stage, silent
from recval.recipes.study.cost import cost_table
from recval.recipes.study.curves import areas_table, curves_table
from recval.recipes.study.detection import detection_summary, detection_table
from recval.recipes.study.folder import StudyFolder
from recval.recipes.study.schema import Cell, Study
from recval.recipes.study.stability import stability_table
from recval.recipes.study.targets import targets_table
from recval.report.study import write_study


def study(
    asked: Study, path: str | Path, executor: Executor | None = None, stage: Stage | None = None
) -> tuple[StudyFolder, dict[str, pd.DataFrame]]:
    """Run a study in a folder, or continue it there; what is finished is only read.

    Args:
        asked: what to study.
        path: the folder; made if need be.
        executor: where the trials run; by default one after the other in this process.
        stage: what to tell of the progress.

    Returns:
        The folder, and the tables by name.

    Raises:
        ConfigError: the study names something that there is not.
        DataError: the data is not what it must be.
        ModelError: a model cannot be built.
        RunError: the folder holds another study, or cannot be written.
    """
    splits = check(asked)
    folder, cells = StudyFolder.create(path, asked), asked.cells()
    for cell in cells:
        running.run(cell.recipe, folder.run_of(cell).path, executor, _named(stage or silent, cell))
    tables = _tables(asked, folder, cells, splits)
    folder.keep(tables)
    runs = [(cell.noise, cell.backbone, folder.run_of(cell)) for cell in cells]
    write_study(folder.path, asked.model_dump(mode="json"), tables, runs)
    return folder, tables


def check(asked: Study) -> dict[str, Split]:
    """Check all that can be checked without training, and return the data of each noise setting.

    Raises:
        ConfigError: the study names something that there is not.
        DataError: the data is not what it must be.
        ModelError: a model cannot be built.
    """
    splits: dict[str, Split] = {}
    for cell in asked.cells():
        try:
            if cell.noise not in splits:
                splits[cell.noise] = cell.recipe.split_data()
            check_run(cell.recipe, splits[cell.noise])
        except (ConfigError, DataError, ModelError) as error:
            raise type(error)(f"{cell.backbone} with the noise {cell.noise!r}: {error}") from None
    return splits


def _tables(
    asked: Study, folder: StudyFolder, cells: Sequence[Cell], splits: Mapping[str, Split]
) -> dict[str, pd.DataFrame]:
    """Return the tables of the stages that are asked for, by name."""
    tables: dict[str, pd.DataFrame] = {}
    if "detection" in asked.stages:
        tables["detection"] = detection_table(folder, cells, splits)
        tables["detection_summary"] = detection_summary(tables["detection"], cells)
    if "curves" in asked.stages and asked.removal is not None:
        tables["curves"] = curves_table(folder, cells)
        tables["areas"] = areas_table(tables["curves"], asked.metrics)
    if "targets" in asked.stages:
        tables["targets"] = targets_table(folder, cells)
    if "stability" in asked.stages:
        tables["stability"] = stability_table(folder, cells)
    if "cost" in asked.stages:
        tables["cost"] = cost_table(folder, cells)
    return tables


def _named(stage: Stage, cell: Cell) -> Stage:
    """Return the stage with the run's name before its own."""

    def named(name: str, trials: int) -> AbstractContextManager[OnProgress]:
        return stage(f"{cell.noise}, {cell.backbone}: {name}", trials)

    return named
