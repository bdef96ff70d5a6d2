"""Columns: which one plays which role; ids and numbers are checked and brought to their types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Literal, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from recval.errors import DataError, nearest

Where = Callable[[int], str]
"""Says where a row (counted from 0) stands: "ratings.csv, line 7"; -1 is the whole."""

Role = Literal["user", "item", "rating", "time", "label"]
"""What a column can mean."""

AnyRole = TypeVar("AnyRole", bound=str)

NUMERIC = {"rating": pa.float64(), "time": pa.float64(), "label": pa.int64()}
"""The type of the columns that must hold numbers."""


def checked_ids(ids: pa.Array, role: str, where: Where) -> pa.Array:
    """Return ids as int64 where they are numbers, as text otherwise.

    Args:
        ids: integers, floats that are whole (pandas makes them of integers beside missing ones), text, or a
            dictionary of these.
        role: whose ids, for messages ("user").
        where: says where a row stands, for messages.

    Raises:
        DataError: an id is missing, negative or broken, or is neither a number nor text.
    """
    if pa.types.is_dictionary(ids.type):
        ids = ids.dictionary_decode()
    if (row := _first(pc.is_null(ids, nan_is_null=True))) is not None:
        raise DataError(f"{where(row)}: the {role} is missing")
    if pa.types.is_integer(ids.type) or pa.types.is_floating(ids.type):
        return _natural_numbers(ids, role, where)
    if not _is_text(ids):
        raise DataError(f"{where(-1)}: the {role} ids must be integers or text, found {ids.type}")
    ids = ids.cast(pa.string())
    if (row := _first(pc.equal(ids, ""))) is not None:
        raise DataError(f"{where(row)}: the {role} is missing")
    if pc.all(pc.match_substring_regex(ids, r"^-?\d+$")).as_py():
        _refuse_ids(pc.starts_with(ids, "-"), ids, role, where)
    return ids


def checked_numbers(values: pa.Array, name: str, where: Where) -> pa.Array:
    """Return the values of a column that must hold numbers, as its type in `NUMERIC`.

    Args:
        values: numbers, or text that is numbers; the column `time` may also hold dates, or text that is dates.
        name: the column.
        where: says where a row stands, for messages.

    Raises:
        DataError: a value is missing, or is no finite number, or a label is not whole.
    """
    if name == "time":
        values = _seconds(values)
    if _is_text(values):
        values = _parsed(values, name, where)
    if not any(of_type(values.type) for of_type in _NUMBERS):
        raise DataError(f"{where(-1)}: the {name} must be a number, found {values.type}")
    floats = values.cast(pa.float64(), safe=False)
    if (row := _first(pc.invert(pc.fill_null(pc.is_finite(floats), False)))) is not None:
        raise DataError(f"{where(row)}: the {name} must be a finite number, found {values[row].as_py()}")
    if pa.types.is_integer(NUMERIC[name]):
        whole = pc.and_(pc.equal(floats, pc.floor(floats)), pc.less(pc.abs(floats), 2.0**53))
        if (row := _first(pc.invert(whole))) is not None:
            raise DataError(f"{where(row)}: the {name} must be a whole number, found {values[row].as_py()}")
    return floats.cast(NUMERIC[name])


def in_roles(table: pa.Table, columns: Mapping[AnyRole, str], source: str) -> pa.Table:
    """Return the table with its columns named by their roles.

    Args:
        table: any columns.
        columns: the name of the column that plays each role.
        source: where the table comes from, for messages.

    Raises:
        DataError: there is no such column, or one plays two roles, or a side field bears the name of a role that
            another column plays.
    """
    for role, name in columns.items():
        if name not in table.column_names:
            found = ", ".join(table.column_names)
            raise DataError(
                f"{source}: no column {name!r} for the {role}{nearest(name, table.column_names)} (found: {found})"
            )
    role_of = {name: role for role, name in columns.items()}
    if len(role_of) < len(columns):
        twice = next(name for name in columns.values() if list(columns.values()).count(name) > 1)
        roles = " and the ".join(role for role, name in columns.items() if name == twice)
        raise DataError(f"{source}: the column {twice!r} cannot be the {roles} at once")
    renamed = [role_of.get(name, name) for name in table.column_names]
    if len(set(renamed)) < len(renamed):
        twice = next(name for name in renamed if renamed.count(name) > 1)
        raise DataError(f"{source}: two columns would be named {twice!r}; rename one of them")
    return table.rename_columns(renamed)


_NUMBERS = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)


def _natural_numbers(ids: pa.Array, role: str, where: Where) -> pa.Array:
    ids = ids.cast(pa.float64()) if pa.types.is_floating(ids.type) else ids
    whole = ids.cast(pa.int64(), safe=False)
    # A number beyond int64 became a negative or another one.
    same = pc.equal(whole.cast(ids.type, safe=False), ids)
    _refuse_ids(pc.invert(pc.and_(same, pc.greater_equal(whole, 0))), ids, role, where)
    return whole


def _refuse_ids(bad: pa.Array, ids: pa.Array, role: str, where: Where) -> None:
    if (row := _first(bad)) is not None:
        raise DataError(f"{where(row)}: the {role} id {ids[row].as_py()} is not allowed; ids are 0, 1, 2, … or text")


def _parsed(texts: pa.Array, name: str, where: Where) -> pa.Array:
    texts = pc.utf8_trim_whitespace(texts)
    numbers = pc.match_substring_regex(texts, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
    if (row := _first(pc.invert(pc.fill_null(numbers, False)))) is not None:
        raise DataError(f"{where(row)}: the {name} must be a number, found {texts[row].as_py()!r}")
    return texts.cast(pa.float64())


def _seconds(times: pa.Array) -> pa.Array:
    """Return dates, in text too, as seconds since 1970 (UTC), and whatever else as it is."""
    if _is_text(times):
        for zone in (None, "UTC"):
            with suppress(pa.ArrowInvalid):
                return _seconds(times.cast(pa.timestamp("us", zone)))
    if pa.types.is_date(times.type):
        times = times.cast(pa.timestamp("ms"))
    if not pa.types.is_timestamp(times.type):
        return times
    units = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
    return pc.divide(times.cast(pa.int64()).cast(pa.float64(), safe=False), units[times.type.unit])


def _is_text(values: pa.Array) -> bool:
    return pa.types.is_string(values.type) or pa.types.is_large_string(values.type)


def _first(mask: pa.Array) -> int | None:
    """Return the position of the first true value, or None."""
    position = pc.index(mask, True).as_py()
    return None if position < 0 else position
