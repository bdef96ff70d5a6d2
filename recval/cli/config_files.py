"""Which command a configuration file is for: what it holds is told by its keys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from recval.errors import ConfigError

Schema = TypeVar("Schema", bound=BaseModel)

_SORTS = {"space": ("search", "tune"), "backbones": ("study", "value-study"), "methods": ("recipe", "run")}
"""The keys by which a sort of file is known, the first that is there: what it is called, and its command."""
_ALSO = {"run": ("value",)}
"""The other commands that take what a command does."""


def command_of(path: Path) -> str | None:
    """Return the command that a file is for, such as `tune`; None where none of its keys tells.

    Raises:
        ConfigError: the file cannot be read, or is not YAML.
    """
    sort = _sort_of(path)
    return None if sort is None else sort[1]


def read_for(
    command: str, name: str, path: Path, schema: type[Schema], overrides: Mapping[str, object] | None = None
) -> Schema:
    """Read a file that a command was given.

    Args:
        command: the command.
        name: how a person named the file.
        path: the file.
        schema: what the command takes.
        overrides: values that replace those of the file, by dotted key.

    Raises:
        ConfigError: the file is for another command, or does not fit.
    """
    from recval.declarations import read

    sort = _sort_of(path)
    if sort is not None and command not in (sort[1], *_ALSO.get(sort[1], ())):
        raise ConfigError(f"{path} is a {sort[0]}, which recval {command} does not take; use recval {sort[1]} {name}")
    return read(path, schema, overrides)


def _sort_of(path: Path) -> tuple[str, str] | None:
    from recval.yaml_file import parse

    _, values = parse(path)
    keys = values if isinstance(values, dict) else {}
    return next((sort for key, sort in _SORTS.items() if key in keys), None)
