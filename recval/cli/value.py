"""`recval value`: what the training interactions are worth, and nothing else of a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recval.cli.config_files import read_for
from recval.cli.output import show_json, show_table
from recval.cli.parameters import AsJson, Cluster, Overrides, Quiet, Workers, examples, run_folder
from recval.cli.progress import continuable
from recval.cli.run import parse_overrides
from recval.cli.values import show_values

if TYPE_CHECKING:
    from recval.store.run import Run

_TOP = 10

app = typer.Typer()


@app.command(
    epilog=examples(
        "recval value value-ml100k",
        "recval value dvr-ml100k training.epochs=20 seeds=[0,1] --out runs/short",
        "recval value my-recipe.yaml --workers 4 --json",
    )
)
def value(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="A recipe's name, or the path of a .yaml file.")],
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder; by default runs/NAME.")] = None,
    workers: Workers = None,
    cluster: Cluster = None,
    quiet: Quiet = False,
    json: AsJson = False,
) -> None:
    """Value the training interactions by every method of a recipe that gives values, or continue; nothing is tested."""
    from recval.declarations import find

    path = find("configs", config)
    changes = parse_overrides(overrides or [])
    out = run_folder(out, Path("runs") / path.stem, cluster)
    with continuable(out, quiet=quiet) as stage:
        from recval.engine import executor_of
        from recval.recipes import Recipe, run_valuation

        recipe = read_for("value", config, path, Recipe, changes)
        valued = run_valuation(recipe, out, executor_of(workers, cluster), stage)
    _show(valued, json=json)


def _show(run: Run, *, json: bool) -> None:
    """Print what is to be said of each method, and the most valuable interactions by the run's valuator."""
    from recval.cli.valued_run import ValuedRun

    found, valued = run.valuation(), ValuedRun.open(run.path)
    top = valued.top(_TOP, lowest=False)
    if json:
        show_json({"run": str(run.path), **found, "top": top})
        return
    rows = [_row(name, method) for name, method in found["methods"].items()]
    columns = [name for name in _COLUMNS if any(row.get(name) is not None for row in rows)]
    show_table(columns, [[row.get(name) for name in columns] for row in rows], title=_title(found))
    show_values(top, title=f"the most valuable by {valued.method}")
    typer.echo(run.path)


_COLUMNS = (
    *("method", "players", "seconds", "trainings", "evaluations", "standard error"),
    *("AUROC", "AUPRC", "stability", "seeds"),
)


def _row(name: str, method: dict[str, Any]) -> dict[str, Any]:
    """Return a method's cells by column; what is the same for no method has no column."""
    detection = {column: (method.get(column.lower()) or {}).get("mean") for column in ("AUROC", "AUPRC")}
    return {
        "method": name,
        "players": method["players"],
        "seconds": method["seconds"],
        "trainings": method["relative"],
        "evaluations": method["evaluations"],
        "standard error": method["standard_error"],
        **detection,
        "stability": method["stability"],
        "seeds": len(method["seeds"]),
    }


def _title(found: dict[str, Any]) -> str:
    unit = "" if found["unit"] is None else f"; trainings: seconds over those of a training with {found['unit']}"
    noise = "" if found["noise"] is None else f"; AUROC and AUPRC of {found['noise']:.1%} noise"
    return f"values of the training interactions{unit}{noise}"
