"""Arguments and remarks that the uplift commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recval.errors import ConfigError

TABLES = (".csv", ".csv.gz", ".parquet")
"""The endings of tables of customers."""

Model = Annotated[
    Path, typer.Argument(metavar="MODEL", help="The folder of a run of recval uplift fit, or of a model in one.")
]
Costs = Annotated[
    list[str] | None,
    typer.Option(
        "--cost", metavar="[ARM=]COST", help="What treating one customer costs; may be repeated, one for each arm."
    ),
]
Limit = Annotated[float | None, typer.Option("--budget", min=0, help="What may be spent; by default without limit.")]
Margin = Annotated[float, typer.Option(help="The profit in one unit of revenue: 0.4 for 40 %.")]


def note(line: str) -> None:
    """Print a remark on stderr, one line."""
    typer.echo(f"note: {line}", err=True)


def parse_costs(costs: list[str] | None) -> float | dict[str, float]:
    """Return the costs by arm, or the one cost of every arm.

    Raises:
        ConfigError: a cost is no number, an arm has two, or some have a name and some have not.
    """
    found: dict[str, float] = {}
    for text in costs or ["0"]:
        arm, _, number = text.rpartition("=")
        try:
            cost = float(number)
        except ValueError:
            raise ConfigError(f"--cost {text!r}: {number!r} is no number; write --cost 0.5 or --cost ARM=0.5") from None
        if arm in found:
            raise ConfigError(f"--cost {text!r}: {repr(arm) if arm else 'every arm'} has a cost already")
        found[arm] = cost
    if "" in found and len(found) > 1:
        raise ConfigError("--cost: give one cost for every arm, or one for each arm by its name, ARM=COST")
    return found.get("", found)
