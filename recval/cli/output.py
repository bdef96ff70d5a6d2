"""What commands print: JSON for programs, tables for people; results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType

_WIDTH_IN_FILES = 200


def show(renderable: RenderableType) -> None:
    """Print what rich can render; in a file or pipe a line may be long."""
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else _WIDTH_IN_FILES).print(renderable)


def show_json(value: object) -> None:
    """Print a value as JSON; a number that is not finite becomes null."""
    typer.echo(json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
    """Print rows under a header; numbers are set to the right."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for column in columns:
        table.add_column(Text(column))
    for row in rows:
        table.add_row(*(Text(as_text(cell), justify="right" if _is_number(cell) else "left") for cell in row))
    show(table)


def show_facts(facts: Mapping[str, object], title: str | None = None) -> None:
    """Print names and what they stand for, one a line."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        table.add_row(Text(name, style="bold"), Text(as_text(value)))
    if title is not None:
        show(Text(title, style="bold"))
    show(table)


def as_text(value: object) -> str:
    """Return a cell's text: numbers with thousands separators and four significant digits, "-" for nothing."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.4g}" if math.isfinite(value) else "-"
        case _:
            return str(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _finite(value: object) -> object:
    match value:
        case dict():
            return {str(key): _finite(element) for key, element in value.items()}
        case list() | tuple():
            return [_finite(element) for element in value]
        case float() if not math.isfinite(value):
            return None
        case _:
            return value
