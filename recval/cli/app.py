"""The command `recval`: assembles the nouns, and ends a person's mistake as one line.

Exit codes: 0 all is well, 1 the doctor found something missing, 2 a mistake, 130 interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from recval import __version__
from recval.cli import (
    compare,
    config,
    data,
    doctor,
    evaluate,
    models,
    recommend,
    report,
    run,
    tune,
    uplift,
    value,
    value_study,
    values,
)
from recval.cli.parameters import examples
from recval.errors import RecvalError

app = typer.Typer(
    name="recval",
    help="What the data and the models of a recommender are worth, and how to make both better.",
    epilog=examples("recval doctor", "recval run dvr-ml100k", "recval values top runs/dvr-ml100k --lowest"),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for module in (run, value, tune, value_study, evaluate, compare, recommend, report, doctor):
    app.registered_commands.extend(module.app.registered_commands)
for name, noun in (("values", values), ("data", data), ("models", models), ("config", config), ("uplift", uplift)):
    app.add_typer(noun.app, name=name)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, and exit.

    Args:
        arguments: the words after `recval`; by default those that this process was started with.
    """
    try:
        app(args=arguments, prog_name="recval")
    except RecvalError as error:
        _end(str(error))
    except OSError as error:
        _end(": ".join(str(part) for part in (error.filename, error.strerror or error) if part is not None))


def _end(message: str) -> None:
    typer.echo(f"error: {message}", err=True)
    raise SystemExit(2)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


def _load_plugins(files: list[Path] | None) -> None:
    from recval.plugin_files import load_plugins

    load_plugins(files or ())


@app.callback()
def _options(
    plugins: Annotated[
        list[Path] | None,
        typer.Option(
            "--plugin",
            envvar="RECVAL_PLUGINS",
            callback=_load_plugins,
            metavar="FILE",
            help="A Python file of one's own that registers models or metrics; may be given several times.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass
