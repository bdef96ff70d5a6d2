"""`recval value-study`: find out what values mean, over backbones and noise settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recval.cli.config_files import read_for
from recval.cli.output import show_table
from recval.cli.parameters import Cluster, Overrides, Quiet, Workers, examples, run_folder
from recval.cli.progress import continuable
from recval.cli.run import parse_overrides

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer()


@app.command(
    "value-study",
    epilog=examples(
        "recval value-study my-study.yaml",
        "recval value-study my-study.yaml seeds=[0,1] stages=[detection] --out studies/short",
        "recval value-study my-study.yaml --workers 4",
    ),
)
def value_study(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="A study's name, or the path of a .yaml file.")],
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="The study's folder; by default studies/NAME.")] = None,
    workers: Workers = None,
    cluster: Cluster = None,
    quiet: Quiet = False,
) -> None:
    """Find out what values mean, or continue: noise detection, curves, target metrics, stability, cost."""
    from recval.declarations import find

    path = find("configs", config)
    changes = parse_overrides(overrides or [])
    out = run_folder(out, Path("studies") / path.stem, cluster)
    with continuable(out, quiet=quiet) as stage:
        from recval.engine import executor_of
        from recval.recipes.study import Study
        from recval.recipes.study import study as run_study

        asked = read_for("value-study", config, path, Study, changes)
        folder, tables = run_study(asked, out, executor_of(workers, cluster), stage)
    _print(tables)
    typer.echo(folder.report_path)


_SHOWN = {
    "detection_summary": (
        "noise detection",
        ("noise", "backbone", "method", "auroc", "auroc_sd", "auprc", "p_value_holm"),
    ),
    "areas": (
        "removal and addition",
        ("noise", "backbone", "curve", "order", "metric", "area", "difference", "p_value_holm"),
    ),
    "targets": (
        "target metrics",
        ("noise", "backbone", "method", "metric", "mean", "difference", "p_value_holm", "over", "moved"),
    ),
    "stability": ("stability, by Spearman", ("noise", "method", "across", "between", "correlation")),
    "cost": ("cost, indicative", ("noise", "backbone", "method", "seconds", "relative", "relative_per_epoch")),
}


def _print(tables: dict[str, pd.DataFrame]) -> None:
    """Print the main columns of each table; of the metrics, those that methods aimed at."""
    for name, (title, columns) in _SHOWN.items():
        table = tables.get(name)
        if table is not None and name == "targets":
            table = table[table["is_target"]]
        if table is not None and len(table):
            show_table(columns, table[list(columns)].itertuples(index=False), title=title)
