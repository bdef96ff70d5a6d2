"""The sorts of configuration files: what a file holds is told by its keys, and tells the command that it is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from recval.errors import ConfigError

Schema = TypeVar("Schema", bound=BaseModel)


@dataclass(frozen=True)
class Sort:
    """A sort of configuration file.

    Attributes:
        key: the key by which a file of the sort is known.
        name: what such a file is called.
        command: the command that it is for.
        home: the module of its schema, and of the function `check` that takes what was read.
        schema: the name of the schema.
        also: other commands that take it.
    """

    key: str
    name: str
    command: str
    home: str
    schema: str
    also: tuple[str, ...] = ()

    def read(self, path: Path) -> Any:
        """Return what is in a file.

        Raises:
            ConfigError: it does not fit.
        """
        from recval.declarations import read

        return read(path, getattr(import_module(self.home), self.schema))

    def check(self, config: Any) -> None:
        """Check what was read as far as it can be without training.

        Raises:
            RecvalError: it could not run.
        """
        import_module(self.home).check(config)


_RECIPE = Sort("methods", "recipe", "run", "recval.recipes", "Recipe", ("value",))
_SORTS = (
    Sort("space", "search", "tune", "recval.recipes.search", "Search"),
    Sort("backbones", "study", "value-study", "recval.recipes.study", "Study"),
    Sort("reference", "uplift study", "uplift study", "recval.recipes.uplift.study", "UpliftStudy"),
    Sort("customers", "uplift recipe", "uplift fit", "recval.recipes.uplift", "UpliftRecipe"),
    _RECIPE,
)
"""The sorts in the order in which their keys are looked for."""


def sort_of(path: Path) -> Sort:
    """Return the sort of a file; a recipe where none of its keys tells.

    Raises:
        ConfigError: the file cannot be read, or is not YAML.
    """
    return _told_sort(path) or _RECIPE


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

    sort = _told_sort(path)
    if sort is not None and command not in (sort.command, *sort.also):
        article = "an" if sort.name[0] in "aeiou" else "a"
        raise ConfigError(
            f"{path} is {article} {sort.name}, which recval {command} does not take; use recval {sort.command} {name}"
        )
    return read(path, schema, overrides)


def _told_sort(path: Path) -> Sort | None:
    from recval.yaml_file import parse

    _, values = parse(path)
    keys = values if isinstance(values, dict) else {}
    return next((sort for sort in _SORTS if sort.key in keys), None)
