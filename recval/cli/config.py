"""`recval config`: the recipes, searches and studies that come with recval, and whether one's own is in order."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from recval.cli.config_files import Sort, sort_of
from recval.cli.files import check_new
from recval.cli.output import show_json, show_table
from recval.cli.parameters import AsJson, Force, examples
from recval.cli.progress import working
from recval.errors import ConfigError

app = typer.Typer(
    no_args_is_help=True,
    help="The recipes, searches and studies that come with recval, and whether one's own is in order.",
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="A name of recval config list, or a .yaml file.")]


@app.command("list", epilog=examples("recval config list"))
def list_configs(json: AsJson = False) -> None:
    """List the recipes, searches and studies that come with recval, and the command that each is for."""
    with working("reading the files"):
        from recval.declarations import shipped

        rows = []
        for name, path in shipped("configs").items():
            sort = sort_of(path)
            config = sort.read(path)
            command = f"recval {_command(sort, config)}"
            rows.append({"name": name, "command": command, "description": config.description})
    if json:
        show_json(rows)
    else:
        show_table(("name", "command", "description"), [tuple(row.values()) for row in rows])


@app.command(epilog=examples("recval config show dvr-ml100k"))
def show(name: Name) -> None:
    """Print a recipe, search or study as it is written."""
    from recval.declarations import find

    typer.echo(find("configs", name).read_text(encoding="utf8", errors="replace"), nl=False)


@app.command(epilog=examples("recval config copy dvr-ml100k mine.yaml"))
def copy(
    name: Name,
    destination: Annotated[Path, typer.Argument(metavar="DEST", help="The .yaml file to write.")],
    force: Force = False,
) -> None:
    """Copy a recipe, search or study, to edit the copy."""
    from recval.declarations import find
    from recval.store.files import replacing

    source = find("configs", name)
    if destination.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"{destination}: a recipe's name must end in .yaml")
    check_new(destination, force=force)
    with replacing(destination) as temporary:
        temporary.write_bytes(source.read_bytes())
    typer.echo(f"{destination}: edit it, then recval config validate {destination}")


@app.command(epilog=examples("recval config validate mine.yaml"))
def validate(name: Name) -> None:
    """Check a recipe, search or study as far as it can be without training: keys, data, models, metrics, methods."""
    with working("checking"):
        from recval.declarations import find

        path = find("configs", name)
        sort = sort_of(path)
        sort.check(sort.read(path))
    typer.echo(f"{path}: valid")


def _command(sort: Sort, config: Any) -> str:
    """Return the command that a file is for; of a recipe of valuations that leaves nothing else to do, `value`."""
    from recval.recipes import Recipe

    if not isinstance(config, Recipe) or config.references or config.removal is not None:
        return sort.command
    valuations = {*config.standalone, *config.trained_for_values}
    return "value" if config.standalone and valuations == set(config.methods) else sort.command
