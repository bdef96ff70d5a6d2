"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")]


def examples(*commands: str) -> str:
    """Return the closing words of a command's help, one line a command."""
    return "\n\n".join(["Examples:", *(f"  {command}" for command in commands)])
