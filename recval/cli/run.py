"""`recval run`: run a recipe, or continue it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from recval.cli.config_files import read_for
from recval.cli.output import show
from recval.cli.parameters import Cluster, Overrides, Quiet, Workers, examples, run_folder
from recval.cli.progress import continuable
from recval.errors import ConfigError

app = typer.Typer()


@app.command(
    epilog=examples(
        "recval run dvr-ml100k",
        "recval run dvr-ml100k training.epochs=20 seeds=[0,1] --out runs/short",
        "recval run my-recipe.yaml --workers 4",
    )
)
def run(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="A recipe's name, or the path of a .yaml file.")],
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder; by default runs/NAME.")] = None,
    workers: Workers = None,
    cluster: Cluster = None,
    quiet: Quiet = False,
) -> None:
    """Run a recipe, or continue it: whatever is in the run's folder already is kept."""
    from recval.declarations import find

    path = find("configs", config)
    changes = parse_overrides(overrides or [])
    out = run_folder(out, Path("runs") / path.stem, cluster)
    with continuable(out, quiet=quiet) as stage:
        from recval.engine import executor_of
        from recval.recipes import Recipe
        from recval.recipes import run as run_recipe

        recipe = read_for("run", config, path, Recipe, changes)
        finished = run_recipe(recipe, out, executor_of(workers, cluster), stage)
    from recval.report.console import console_table

    show(console_table(finished))
    typer.echo(finished.report_path)


def parse_overrides(overrides: Sequence[str]) -> dict[str, object]:
    """Return the values of `key=value`, each read as YAML, by dotted key.

    Raises:
        ConfigError: there is no `=` or no key, or the value is not YAML.
    """
    import yaml

    found: dict[str, object] = {}
    for override in overrides:
        key, equals, text = override.partition("=")
        if not (key and equals):
            raise ConfigError(f"{override!r} is not of the form key=value, such as training.epochs=20")
        try:
            found[key] = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError):
            raise ConfigError(f"{override!r}: {text!r} is not valid YAML") from None
    return found
