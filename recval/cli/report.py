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
        from recval.report import write_report
        from recval.store.run import Run

        finished = Run.open(run)
        write_report(finished)
    typer.echo(finished.report_path)
