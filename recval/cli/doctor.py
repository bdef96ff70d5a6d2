"""`recval doctor`: what a bug report needs to say, and whether anything is missing."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import typer

from recval import __version__
from recval.cli.output import show_facts, show_json, show_table
from recval.cli.parameters import AsJson, examples
from recval.cli.progress import working
from recval.errors import RecvalError

if TYPE_CHECKING:
    from recval.declarations import Kind

app = typer.Typer()

_KINDS: tuple[Kind, ...] = ("models", "datasets", "configs")


@dataclass(frozen=True)
class Check:
    """One thing that must be there.

    Attributes:
        name: what.
        ok: whether it is there.
        found: what was found, or what to do.
    """

    name: str
    ok: bool
    found: str


@app.command(epilog=examples("recval doctor", "recval doctor --json > doctor.json"))
def doctor(json: AsJson = False) -> None:
    """Show versions, machine and folders, and check that nothing is missing; exits with 1 if something is."""
    with working("examining"):
        facts = _facts()
        checks = [_check_packages(facts["packages"])]
        checks += [_checked(name, find) for name, find in _FINDERS.items()]
    if json:
        show_json({**facts, "checks": [asdict(check) for check in checks]})
    else:
        _print(facts, checks)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


def _facts() -> dict[str, Any]:
    from recval.store.environment import environment

    return {
        "recval": __version__,
        **environment(),
        "memory": _memory(),
        "devices": _devices(),
        "RECVAL_DATA": os.environ.get("RECVAL_DATA"),
    }


def _memory() -> str | None:
    """Return the size of the machine's memory, where the system tells it."""
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
    return f"{size / 2**30:.1f} GiB"


def _devices() -> list[str]:
    try:
        import torch
    except ImportError:
        return []
    return [
        "cpu",
        *(f"cuda:{index} ({torch.cuda.get_device_name(index)})" for index in range(torch.cuda.device_count())),
    ]


def _check_packages(versions: Mapping[str, str | None]) -> Check:
    missing = [name for name, version in versions.items() if version is None and name != "recval"]
    if missing:
        return Check("packages", False, f"missing; run pip install {' '.join(missing)}")
    return Check("packages", True, "all there")


def _checked(name: str, find: Callable[[], str]) -> Check:
    try:
        return Check(name, True, find())
    except (RecvalError, ImportError) as error:
        return Check(name, False, str(error))


def _find_declarations() -> str:
    from recval.declarations import find, shipped

    counts = ", ".join(f"{kind}: {len(shipped(kind))}" for kind in _KINDS)
    return f"{find('datasets', 'ml-100k').parent.parent} ({counts})"


def _find_recbole() -> str:
    """Build a model, which needs more than that RecBole imports."""
    from importlib.metadata import version

    import pandas as pd

    from recval.backbones import build
    from recval.data import from_frame

    build("LightGCN", from_frame(pd.DataFrame({"user": [0, 1], "item": [0, 1]})))
    return f"{version('recbole')}, builds its models"


def _find_ml_100k() -> str:
    from recval.data import dataset_card

    card = dataset_card("ml-100k")
    card.load()
    return f"{card.source.location()}, checksums verified"


_FINDERS: dict[str, Callable[[], str]] = {
    "declarations": _find_declarations,
    "RecBole": _find_recbole,
    "ml-100k": _find_ml_100k,
}


def _print(facts: Mapping[str, Any], checks: list[Check]) -> None:
    plain = {name: value for name, value in facts.items() if name != "packages"}
    show_facts({**plain, "devices": ", ".join(facts["devices"])})
    show_table(("package", "version"), [(name, version or "missing") for name, version in facts["packages"].items()])
    show_table(("check", "", "found"), [(check.name, "ok" if check.ok else "MISSING", check.found) for check in checks])
