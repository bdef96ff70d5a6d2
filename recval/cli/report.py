"""`recval report`: write the report of a run anew."""

from __future__ import annotations

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
        from recval.report import write_report
        from recval.store.run import Run

        study = StudyFolder(run)
        if study.study_path.is_file():
            raise RunError(f"{run} is a study; see {study.report_path}, or name one of its runs")
        finished = Run.open(run)
        write_report(finished)
    typer.echo(finished.report_path)
