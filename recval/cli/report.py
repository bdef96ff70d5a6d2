"""`recval report`: write the report of a run anew."""

from __future__ import annotations

from pathlib import Path

import typer

from recval.cli.parameters import RunFolder, examples
from recval.cli.progress import working

app = typer.Typer()


@app.command(epilog=examples("recval report runs/dvr-ml100k"))
def report(run: RunFolder) -> None:
    """Write the report of a run anew, and print its path."""
    with working("writing the report"):
        from recval.errors import RunError
        from recval.recipes.study.folder import StudyFolder
        from recval.store.run import Run

        study = StudyFolder(run)
        if study.study_path.is_file():
            raise RunError(f"{run} is a study; see {study.report_path}, or name one of its runs")
        report_path = _write_uplift(run) if Run(run).is_uplift else _write(run)
    typer.echo(report_path)


def _write(path: Path) -> Path:
    from recval.report import write_report
    from recval.store.run import Run

    run = Run.open(path)
    write_report(run)
    return run.report_path


def _write_uplift(path: Path) -> Path:
    from recval.recipes.uplift.fitting import write_report
    from recval.recipes.uplift.folder import UpliftRun

    run = UpliftRun.open(path)
    write_report(run)
    return run.report_path
