"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="KEY=VALUE", help="What differs from the file, in YAML.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes; by default one per core.")]
Cluster = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="A Dask scheduler to run on instead, such as tcp://host:8786."),
]


def run_folder(out: Path | None, default: Path, cluster: str | None) -> Path:
    """Return the folder to write into; as a whole path where the workers of a cluster write into it too."""
    folder = out or default
    return folder if cluster is None else folder.absolute()


def examples(*commands: str) -> str:
    """Return the closing words of a command's help, one line a command; brackets stand for themselves."""
    return "\n\n".join(["Examples:", *(f"  {command}".replace("[", r"\[") for command in commands)])
