"""Declarations: YAML files that are validated against a schema, with errors that name the file, the line and the key.

recval ships model cards, data-set cards and recipes; `shipped(kind)` finds them in the wheel or in the source tree.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from recval.errors import ConfigError, RecvalError, nearest, unknown
from recval.yaml_file import Key, line_of, parse

Kind = Literal["models", "datasets", "configs"]


def checked(check: Callable[[Any], object]) -> AfterValidator:
    """Return a validator that lets a value through unless `check` refuses it with a `RecvalError`.

    The error then names the key and the line at which the value stands.
    """

    def validator(value: Any) -> Any:
        try:
            check(value)
        except RecvalError as error:
            raise PydanticCustomError("refused", "{reason}", {"reason": str(error)}) from None
        return value

    return AfterValidator(validator)


def distinct(entries: Sequence[object]) -> None:
    """Refuse entries of which one stands twice.

    Raises:
        ConfigError: one does.
    """
    if len(set(entries)) < len(entries):
        raise ConfigError(f"no entry may stand twice, got {list(entries)}")


class Declaration(BaseModel):
    """Base of every schema: immutable, and a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Schema = TypeVar("Schema", bound=BaseModel)


def shipped(kind: Kind) -> dict[str, Path]:
    """Return the files of the declarations that come with recval, by name."""
    package = Path(__file__).parent
    in_wheel = package / "declared" / kind
    folder = in_wheel if in_wheel.is_dir() else package.parent / kind
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find(kind: Kind, name: str | Path) -> Path:
    """Return the file of a declaration that is named or given by its path (`*.yaml`, `*.yml`).

    Raises:
        ConfigError: there is no such file, or no declaration of that name.
    """
    if str(name).endswith((".yaml", ".yml")):
        if not Path(name).is_file():
            raise ConfigError(f"there is no file {name}")
        return Path(name)
    known = shipped(kind)
    if str(name) not in known:
        raise ConfigError(unknown(kind.removesuffix("s").replace("dataset", "data set"), name, known))
    return known[str(name)]


def read(path: Path, schema: type[Schema], overrides: Mapping[str, object] | None = None) -> Schema:
    """Read a YAML file into `schema`.

    Args:
        path: the file.
        schema: what it must hold.
        overrides: values that replace those of the file, by dotted key (`training.epochs`).

    Raises:
        ConfigError: the file cannot be read, is not YAML, or does not fit; the message names the line and the key.
    """
    node, values = parse(path)
    if not isinstance(values, dict):
        raise ConfigError(
            f"{path}: expected keys and values, found {'nothing' if values is None else reprlib.repr(values)}"
        )
    for key, value in (overrides or {}).items():
        _assign(values, key.split("."), value)
    return validate(values, schema, source=path, node=node, overrides=overrides or ())


def validate(
    values: Mapping[str, object],
    schema: type[Schema],
    *,
    source: object = None,
    node: yaml.Node | None = None,
    overrides: Collection[str] = (),
) -> Schema:
    """Return `values` as `schema`.

    Args:
        values: keys and values.
        schema: what they must fit.
        source: the file that they come from.
        node: the file's YAML, to find lines in.
        overrides: the dotted keys whose values do not come from the file.

    Raises:
        ConfigError: a value does not fit; one line that names the key, what was found and what is allowed.
    """
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        first, *others = error.errors()
        others = [other for other in others if other["loc"] != first["loc"][: len(other["loc"])]]
        more = f" (and {len(others)} more)" if others else ""
        keys = _keys(values, first)
        place = "" if _is_overridden(keys, overrides) else _place(source, node, keys)
        raise ConfigError(f"{place}{_explain(first, keys, schema)}{more}") from None


def _assign(values: dict[str, Any], path: Sequence[str], value: object) -> None:
    for position, part in enumerate(path[:-1]):
        below = values.setdefault(part, {})
        if not isinstance(below, dict):
            raise ConfigError(f"{'.'.join(path)}: {'.'.join(path[: position + 1])} holds no keys, but {below!r}")
        values = below
    values[path[-1]] = value


def _keys(values: Any, error: Any) -> tuple[Key, ...]:
    """Return where an error lies by keys and positions alone; pydantic's location also names members of unions."""
    keys: list[Key] = []
    for part in error["loc"]:
        in_list = isinstance(values, list | tuple) and isinstance(part, int) and part < len(values)
        if in_list or (isinstance(values, Mapping) and part in values):
            keys.append(part)
            values = values[part]
    if error["type"] == "missing":
        keys.append(error["loc"][-1])
    if error["type"].startswith("union_tag"):
        keys.append(error["ctx"]["discriminator"].strip("'"))
    return tuple(keys)


def _is_overridden(keys: tuple[Key, ...], overrides: Collection[str]) -> bool:
    dotted = ".".join(map(str, keys)) + "."
    return any(dotted.startswith(f"{override}.") for override in overrides)


def _place(source: object, node: yaml.Node | None, keys: tuple[Key, ...]) -> str:
    if source is None:
        return ""
    line = line_of(node, keys)
    return f"{source}, line {line}: " if line else f"{source}: "


def _explain(error: Any, keys: tuple[Key, ...], schema: type[BaseModel]) -> str:
    location = error["loc"]
    key = ".".join(map(str, keys)) if keys else "the whole"
    kind = error["type"]
    if kind == "extra_forbidden":
        allowed = sorted(_fields_at(schema, location[:-1]))
        return f"unknown key {key!r}{nearest(str(location[-1]), allowed)} (allowed: {', '.join(allowed)})"
    if kind in ("missing", "union_tag_not_found"):
        return f"the key {key!r} is missing"
    if kind == "union_tag_invalid":
        return f"{key}: {unknown('value', error['ctx']['tag'], _listed(error['ctx']['expected_tags']))}"
    if kind == "literal_error":
        what = "key" if location[-1] == "[key]" else "value"
        return f"{key}: {unknown(what, error['input'], _listed(error['ctx']['expected']))}"
    if kind == "refused":
        return f"{key}: {error['msg']}"
    if kind == "model_attributes_type":
        return f"{key}: should hold keys, such as {{kind: …}}. Got {error['input']!r} instead"
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    found = "" if isinstance(error["input"], dict | list) else f". Got {error['input']!r} instead"
    return f"{key}: {message}{found}"


def _listed(names: str) -> list[str]:
    """Return the names in a list such as "'csv', 'parquet' or 'atomic'"."""
    return [name.strip(" '") for name in names.replace(" or ", ", ").split(",")]


def _fields_at(schema: type[BaseModel], location: tuple[Key, ...]) -> set[str]:
    """Return the keys that are allowed at `location`, over all alternatives of a union."""
    schemas: set[type[BaseModel]] = {schema}
    for part in location:
        if isinstance(part, int):
            continue
        below = {
            candidate
            for current in schemas
            if part in current.model_fields
            for candidate in _schemas_in(current.model_fields[part].annotation)
        }
        # A location within a tagged union also names the tag that was chosen.
        tagged = {
            candidate
            for candidate in schemas
            if "kind" in candidate.model_fields and part in get_args(candidate.model_fields["kind"].annotation)
        }
        schemas = below or tagged or schemas
    return {name for candidate in schemas for name in candidate.model_fields}


def _schemas_in(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    if get_origin(annotation) in (Union, UnionType, Annotated, list, tuple, dict):
        return {found for argument in get_args(annotation) for found in _schemas_in(argument)}
    return set()
