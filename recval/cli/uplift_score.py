"""`recval uplift score`: predict for customers how much more each would spend if treated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recval.cli.files import check_new, check_table
from recval.cli.output import show_json, show_table
from recval.cli.parameters import AsJson, Cluster, Force, Quiet, examples
from recval.cli.progress import stages
from recval.cli.uplift_parameters import TABLES, Model, note

if TYPE_CHECKING:
    from recval.recipes.uplift import Scored

app = typer.Typer()


@app.command(
    epilog=examples(
        "recval uplift score runs/mens customers.parquet --out scored.parquet",
        "recval uplift score runs/mens customers.csv --out scored.csv --keep customer_id",
        "recval uplift score runs/mens part-1.parquet part-2.parquet --out scored --workers 2",
    )
)
def score(
    model: Model,
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Customers: .csv, .csv.gz or .parquet files.")],
    out: Annotated[
        Path, typer.Option(help="The file to write, .csv or .parquet; of several files a folder to write them into.")
    ],
    keep: Annotated[
        list[str] | None,
        typer.Option(help="A column to carry over; may be repeated; by default all that the model does not use."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes, where there are several files.")] = 1,
    cluster: Cluster = None,
    force: Force = False,
    quiet: Quiet = False,
    json: AsJson = False,
) -> None:
    """Predict for each customer how much more they would spend if treated.

    Writes, beside ids and other columns that the model does not use: uplift_ARM, the change that each treatment makes;
    expected_ARM, what the customer spends under each arm; best_arm, the treatment with the highest uplift, or the
    control where none is above 0. Files may be of any length. What they have otherwise than the customers that the
    model learnt from is told, a line each.
    """
    _check_out(out, files, force=force)
    with stages(quiet=quiet) as stage:
        from recval.engine import executor_of
        from recval.recipes.uplift import score as score_files

        _check_fit(model, files)
        executor = executor_of(None if cluster else workers, cluster)
        scored = score_files(model, files, out, keep=keep, executor=executor, stage=stage)
    for each in scored:
        for line in each.differences:
            note(f"{each.source}: {line}")
    _show(scored, json=json)


def _check_out(out: Path, files: list[Path], *, force: bool) -> None:
    if len(files) == 1:
        check_table(out, force=force, endings=TABLES)
    elif not out.is_dir() or any(out.iterdir()):
        check_new(out, force=force)


def _check_fit(model: Path, files: list[Path]) -> None:
    """Tell every difference before any work where a file cannot be scored; its first rows tell."""
    from recval.errors import DataError
    from recval.recipes.uplift.scoring import check_file

    for file in files:
        problem, lines = check_file(model, file)
        if problem is not None:
            for line in lines if len(lines) > 1 else ():
                note(f"{file}: {line}")
            raise DataError(problem)


def _show(scored: list[Scored], *, json: bool) -> None:
    rows = [
        {
            "file": str(each.path),
            "customers": each.rows,
            "mean uplift": each.mean,
            "best arm": each.best,
            "differences": list(each.differences),
        }
        for each in scored
    ]
    if json:
        show_json([{key.replace(" ", "_"): value for key, value in row.items()} for row in rows])
        return
    arms = list(scored[0].best)
    columns = ("file", "customers", *scored[0].mean, *(f"best: {arm}" for arm in arms))
    show_table(columns, [(str(each.path), each.rows, *each.mean.values(), *each.best.values()) for each in scored])
