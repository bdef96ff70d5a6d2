"""`recval uplift evaluate`: what a fitted model is worth on the customers of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recval.cli.files import check_new
from recval.cli.output import show_json
from recval.cli.parameters import AsJson, Force, examples
from recval.cli.progress import working
from recval.cli.uplift_fit import show_found
from recval.cli.uplift_parameters import Model, note
from recval.errors import ConfigError

app = typer.Typer()


@app.command(
    epilog=examples(
        "recval uplift evaluate runs/mens next-campaign.csv",
        "recval uplift evaluate runs/mens next.parquet --treatment group --response revenue --out next.html",
    )
)
def evaluate(
    model: Model,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Customers of another experiment: who was treated, what each spent.")
    ],
    treatment: Annotated[
        str | None, typer.Option(help="The column that says who was treated; by default as in the run's recipe.")
    ] = None,
    response: Annotated[
        str | None, typer.Option(help="The column of what they spent; by default as in the run's recipe.")
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="What to measure; may be repeated; by default as in the run's recipe.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A report to write: .html.")] = None,
    force: Force = False,
    json: AsJson = False,
) -> None:
    """Find out what a model is worth on customers that it did not learn from, beside what a random ranking reaches."""
    if out is not None:
        if out.suffix != ".html":
            raise ConfigError(f"{out}: a report's name must end in .html")
        check_new(out, force=force)
    with working("evaluating"):
        from recval.recipes.uplift import evaluate_file
        from recval.report.uplift import write_uplift
        from recval.store.environment import environment

        tested = evaluate_file(model, file, treatment=treatment, response=response, metrics=metric)
        if out is not None:
            write_uplift(out, tested.found, tested.response, environment(), lead=f"{model} on {file}.")
    for line in (*tested.differences, *tested.found["warnings"]):
        note(f"{file}: {line}")
    if json:
        show_json(tested.found)
        return
    show_found(tested.found, {}, tested.response)
    if out is not None:
        typer.echo(out)
