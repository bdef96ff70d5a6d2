"""`recval uplift fit`: fit the models of an uplift recipe, and find out what they are worth."""

from __future__ import annotations

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
    from recval.recipes.uplift import UpliftRecipe
    from recval.recipes.uplift.folder import UpliftRun

app = typer.Typer()


@app.command(
    epilog=examples(
        "recval uplift fit uplift-hillstrom-mens",
        "recval uplift fit uplift-hillstrom-mens split.repeats=10 --out runs/mens-10",
        "recval uplift fit my-campaign.yaml --workers 4 --json",
        "recval uplift fit my-campaign.yaml "
        "'customers={kind: file, path: my.csv, treatment: group, control: none, response: revenue, ignored: [id]}'",
    )
)
def fit(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="A recipe's name, or the path of a .yaml file.")],
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder; by default runs/NAME.")] = None,
    workers: Workers = None,
    cluster: Cluster = None,
    quiet: Quiet = False,
    json: AsJson = False,
) -> None:
    """Learn from an experiment whose spending changes when treated, and test that on customers held out.

    The recipe names the customers of the experiment: what is known of each, who was treated, what each spent. For a
    file of your own, copy a recipe (recval config copy), and name the file and its columns as in the last example. The
    run's folder then holds the model, its predictions for the customers held out, and a report in plain words. An
    interrupted run is continued by the same command.
    """
    from recval.declarations import find

    path = find("configs", config)
    changes = parse_overrides(overrides or [])
    out = run_folder(out, Path("runs") / path.stem, cluster)
    with continuable(out, quiet=quiet) as stage:
        from recval.engine import executor_of
        from recval.recipes.uplift import UpliftRecipe
        from recval.recipes.uplift import fit as fit_recipe

        recipe = read_for("uplift fit", config, path, UpliftRecipe, changes)
        finished = fit_recipe(recipe, out, executor_of(workers, cluster), stage)
    show_fitted(finished, recipe, json=json)


def show_fitted(run: UpliftRun, recipe: UpliftRecipe, *, json: bool) -> None:
    """Print what was found of each arm and of the plan, and where the report is."""
    found = run.evaluation()
    for line in found["warnings"]:
        note(line)
    if json:
        show_json({"run": str(run.path), "evaluation": found, "models": run.metrics()})
        return
    show_found(found, run.metrics(), recipe.customers.columns[1])
    typer.echo(run.report_path)


def show_found(found: dict[str, Any], models: dict[str, Any], unit: str) -> None:
    """Print the metrics of each arm beside random rankings, and what that means, a sentence a line."""
    from recval.report.uplift_sentences import uplift_verdicts

    rows = [
        (arm, name, metric["value"], _ends(metric, ""), _ends(metric, "null_"), metric["p_value"])
        for arm, of_arm in found["arms"].items()
        for name, metric in of_arm["metrics"].items()
    ]
    show_table(("arm", "metric", "value", "95 % interval", "95 % of random rankings", "p"), rows)
    for sentence in uplift_verdicts(found, models, unit):
        typer.echo(sentence)


def _ends(metric: dict[str, Any], prefix: str) -> str | None:
    low, high = metric[f"{prefix}low"], metric[f"{prefix}high"]
    return None if low is None or high is None else f"{low:.4g} to {high:.4g}"
