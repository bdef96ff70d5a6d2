"""`recval uplift demo`: the whole way once, on Hillstrom's e-mail experiment where it is present."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recval.cli.parameters import AsJson, Quiet, examples
from recval.cli.progress import continuable
from recval.cli.uplift_fit import show_fitted
from recval.cli.uplift_parameters import note

app = typer.Typer()


@app.command(epilog=examples("recval uplift demo", "recval uplift demo --out runs/first"))
def demo(
    out: Annotated[Path, typer.Option(help="The run's folder.")] = Path("runs/uplift-demo"),
    quiet: Quiet = False,
    json: AsJson = False,
) -> None:
    """Fit, test and report once on an e-mail experiment, or on made-up customers where its file is not there."""
    with continuable(out, quiet=quiet) as stage:
        from recval.recipes.uplift import fit
        from recval.recipes.uplift.demo import demo_recipe

        recipe, said = demo_recipe()
        note(said)
        run = fit(recipe, out, stage=stage)
    show_fitted(run, recipe, json=json)
