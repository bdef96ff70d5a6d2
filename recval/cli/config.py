"""`recval config`: the recipes that come with recval, and whether one's own is in order."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recval.cli.files import check_new
from recval.cli.output import show_json, show_table
from recval.cli.parameters import AsJson, Force, examples
from recval.cli.progress import working
from recval.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="The recipes that come with recval, and whether one's own is in order.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="A name of recval config list, or a .yaml file.")]


@app.command("list", epilog=examples("recval config list"))
def list_configs(json: AsJson = False) -> None:
    """List the recipes that come with recval."""
    with working("reading the recipes"):
        from recval.declarations import read, shipped
        from recval.recipes import Recipe

        rows = [
            {"name": name, "description": read(path, Recipe).description} for name, path in shipped("configs").items()
        ]
    if json:
        show_json(rows)
    else:
        show_table(("name", "description"), [tuple(row.values()) for row in rows])


@app.command(epilog=examples("recval config show dvr-ml100k"))
def show(name: Name) -> None:
    """Print a recipe as it is written."""
    from recval.declarations import find

    typer.echo(find("configs", name).read_text(encoding="utf8", errors="replace"), nl=False)


@app.command(epilog=examples("recval config copy dvr-ml100k mine.yaml"))
def copy(
    name: Name,
    destination: Annotated[Path, typer.Argument(metavar="DEST", help="The .yaml file to write.")],
    force: Force = False,
) -> None:
    """Copy a recipe, to edit the copy."""
    from recval.declarations import find
    from recval.store.files import replacing

    source = find("configs", name)
    if destination.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"{destination}: a recipe's name must end in .yaml")
    check_new(destination, force=force)
    with replacing(destination) as temporary:
        temporary.write_bytes(source.read_bytes())
    typer.echo(f"{destination}: edit it, then recval run {destination}")


@app.command(epilog=examples("recval config validate mine.yaml"))
def validate(name: Name) -> None:
    """Check a recipe as far as it can be without training: its keys, data, models, metrics and methods."""
    with working("checking"):
        from recval.declarations import find, read
        from recval.recipes import Recipe, check

        path = find("configs", name)
        check(read(path, Recipe))
    typer.echo(f"{path}: valid")
