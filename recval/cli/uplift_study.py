"""`recval uplift study`: which network, head or loss helps, over repeats, with paired differences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recval.cli.config_files import read_for
from recval.cli.output import show_json, show_table
from recval.cli.parameters import AsJson, Cluster, Overrides, Quiet, Workers, examples, run_folder
from recval.cli.progress import continuable
from recval.cli.run import parse_overrides
from recval.cli.uplift_parameters import note

if TYPE_CHECKING:
    from recval.recipes.uplift.study import UpliftStudyFolder

app = typer.Typer()


@app.command(
    epilog=examples(
        "recval uplift study uplift-study-hillstrom",
        "recval uplift study uplift-study-losses repeats=2 grid.network=[tarnet] --out studies/short",
        "recval uplift study my-study.yaml --workers 4 --json",
    )
)
def study(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="A study's name, or the path of a .yaml file.")],
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="The study's folder; by default studies/NAME.")] = None,
    workers: Workers = None,
    cluster: Cluster = None,
    quiet: Quiet = False,
    json: AsJson = False,
) -> None:
    """Compare networks, heads, losses and baselines on the same customers, again and again.

    Made-up customers are drawn anew for each repeat, real ones are split anew. Differences from a reference are paired
    over the repeats. An interrupted study is continued by the same command.
    """
    from recval.declarations import find

    path = find("configs", config)
    changes = parse_overrides(overrides or [])
    out = run_folder(out, Path("studies") / path.stem, cluster)
    with continuable(out, quiet=quiet) as stage:
        from recval.engine import executor_of
        from recval.recipes.uplift.study import UpliftStudy
        from recval.recipes.uplift.study import study as run_study

        asked = read_for("uplift study", config, path, UpliftStudy, changes)
        folder = run_study(asked, out, executor_of(workers, cluster), stage)
    _show(folder, json=json)


def _show(folder: UpliftStudyFolder, *, json: bool) -> None:
    table, seconds = folder.table(), folder.seconds()
    if json:
        show_json({"study": str(folder.path), "table": table, "seconds": seconds})
        return
    for customers, treatment in dict.fromkeys((row["customers"], row["treatment"]) for row in table):
        rows = [row for row in table if (row["customers"], row["treatment"]) == (customers, treatment)]
        took = {row["method"]: row["seconds"] for row in seconds if row["customers"] == customers}
        _show_metrics(f"{customers}, {treatment}: means over repeats", rows, took)
        _show_bands("repeats above + below random rankings", rows)
        _show_differences("differences in {}, paired over repeats", rows)
    for row in seconds:
        for failure in row["failures"]:
            note(f"{row['customers']}, {row['method']}: {failure}")
    typer.echo(folder.report_path)


def _show_metrics(title: str, rows: Sequence[dict[str, Any]], took: dict[str, float | None]) -> None:
    metrics = list(dict.fromkeys(row["metric"] for row in rows))
    means = {(row["method"], row["metric"]): row["mean"] for row in rows}
    methods = list(dict.fromkeys(row["method"] for row in rows))
    cells = [(name, *(means.get((name, metric)) for metric in metrics), took.get(name)) for name in methods]
    show_table(("method", *metrics, "seconds"), cells, title=title)


def _show_bands(title: str, rows: Sequence[dict[str, Any]]) -> None:
    """Print how many repeats lie beyond the band, where there is one."""
    banded = [row for row in rows if row["above"] is not None]
    metrics = list(dict.fromkeys(row["metric"] for row in banded))
    beyond = {(row["method"], row["metric"]): f"{row['above']} + {row['below']} of {row['repeats']}" for row in banded}
    methods = list(dict.fromkeys(row["method"] for row in banded))
    if banded:
        cells = [(name, *(beyond.get((name, metric)) for metric in metrics)) for name in methods]
        show_table(("method", *metrics), cells, title=title)


def _show_differences(title: str, rows: Sequence[dict[str, Any]]) -> None:
    """Print the differences in the first metric, where there are any."""
    of_first = [row for row in rows if row["metric"] == rows[0]["metric"] and row["difference"] is not None]
    columns = ("method", "less", "difference", "95 % interval", "p, Holm", "won")
    cells = [
        (
            row["method"],
            row["reference"],
            row["difference"],
            f"{row['ci_low']:.4g} to {row['ci_high']:.4g}",
            row["p_value_holm"],
            row["won"],
        )
        for row in of_first
    ]
    if cells:
        show_table(columns, cells, title=title.format(rows[0]["metric"]))
