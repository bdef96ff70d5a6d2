"""From an uplift study to its tables: every cell that is not done yet, then what they say together."""

from __future__ import annotations

from pathlib import Path

from recval.declarations import read
from recval.engine import Executor, Serial
from recval.errors import DataError
from recval.recipes.stages import Stage, silent
from recval.recipes.uplift.fitting import fingerprint
from recval.recipes.uplift.study.cells import Work, cells_of, loaded, parts, run_cell
from recval.recipes.uplift.study.folder import UpliftStudyFolder
from recval.recipes.uplift.study.schema import UpliftStudy
from recval.recipes.uplift.study.tables import seconds_table, study_table
from recval.report.uplift_study import write_uplift_study
from recval.store.environment import environment
from recval.store.files import read_json, write_json
from recval.uplift.customers import Customers


def study(
    asked: UpliftStudy, path: str | Path, executor: Executor | None = None, stage: Stage | None = None
) -> UpliftStudyFolder:
    """Run a study in a folder, or continue it there; cells that are done are only read.

    Args:
        asked: what to study.
        path: the folder; made if need be.
        executor: where the cells run; by default one after the other in this process.
        stage: what to tell of the progress.

    Returns:
        The folder; its `table()` is what was found.

    Raises:
        ConfigError: the study names something that there is not.
        DataError: customers are not what they must be.
        RunError: the folder holds another study, or cannot be written.
    """
    real = check(asked)
    folder = UpliftStudyFolder.create(path, asked, {name: fingerprint(each) for name, each in real.items()})
    if not folder.environment_path.exists():
        write_json(folder.environment_path, environment())
    cells = cells_of(asked)
    left = [cell for cell in cells if not cell.file(folder.path).is_file()]
    if left:
        with (stage or silent)("fitting", len(left)) as on_progress:
            work = Work(asked, folder.path, real)
            for position, _ in (executor or Serial(threads=1)).map(run_cell, left, work, on_progress):
                on_progress(position, 1.0)
    found = {cell: read_json(cell.file(folder.path)) for cell in cells}
    write_json(folder.seconds_path, seconds_table(asked, found))
    write_json(folder.table_path, study_table(asked, found))
    write_report(folder)
    return folder


def write_report(folder: UpliftStudyFolder) -> None:
    """Write the report of a finished study.

    Raises:
        RunError: a file of the study is missing or damaged, or the folder cannot be written.
    """
    asked = read(folder.study_path, UpliftStudy)
    write_uplift_study(
        folder.report_path,
        folder.table(),
        folder.seconds(),
        read_json(folder.environment_path),
        lead=asked.description,
        study_text=folder.study_path.read_text(encoding="utf8"),
    )


def check(asked: UpliftStudy) -> dict[str, Customers]:
    """Check all that can be checked without training, and return the customers that are not made up, by name.

    Raises:
        DataError: customers are not what they must be, or a method cannot be fitted to them.
    """
    real = {}
    for name in asked.customers:
        customers = loaded(asked, name)
        if not asked.is_made_up(name):
            real[name] = customers
        parts(asked, name, 0, {name: customers})
        for label, method in asked.methods.items():
            try:
                method.check(customers)
            except DataError as error:
                raise DataError(f"customers {name}, {label}: {error}") from None
    return real
