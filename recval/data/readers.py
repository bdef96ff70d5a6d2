"""Readers: interactions from a DataFrame, a CSV or Parquet file, or RecBole's atomic files.

Ids are text in files of text ("007" stays "007"); numbers find them all the same (`recommend(users=[7])` finds "7").
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from recval.data.delimited import line_of, read_delimited
from recval.data.columns import NUMERIC, Role, Where
from recval.data.encoding import Duplicates, encode
from recval.data.frames import arrow_table
from recval.data.interactions import Interactions
from recval.errors import ConfigError, DataError, nearest, unknown

ATOMIC_ROLES: dict[Role, str] = {
    "user": "user_id",
    "item": "item_id",
    "rating": "rating",
    "time": "timestamp",
    "label": "label",
}
"""The fields that RecBole's atomic files commonly have."""


def from_frame(
    frame: pd.DataFrame,
    *,
    user: str = "user",
    item: str = "item",
    rating: str | None = None,
    time: str | None = None,
    label: str | None = None,
    user_fields: pd.DataFrame | None = None,
    item_fields: pd.DataFrame | None = None,
    duplicates: Duplicates = "error",
) -> Interactions:
    """Return the interactions in a DataFrame, one a row.

    Args:
        frame: the interactions; columns that are not named here are kept as side fields.
        user: the column of the users' ids (integers from 0, or text).
        item: the column of the items' ids.
        rating: the column of ratings, where there is one.
        time: the column of times: numbers, or dates (kept as seconds since 1970, UTC).
        label: the column of labels (whole numbers).
        user_fields: what is known of users, with their ids in a column named as `user`.
        item_fields: what is known of items, with their ids in a column named as `item`.
        duplicates: "error", or which of the rows of a repeated (user, item) pair to keep: "first" or "last".

    Raises:
        DataError: a column is missing, the frame is empty, or a value is bad; the message names the row.
    """
    columns = _named_columns(user, item, rating, time, label)
    return encode(
        _roles(arrow_table(frame, "the frame"), columns, "the frame"),
        lambda row: f"the frame, row {row}" if row >= 0 else "the frame",
        duplicates=duplicates,
        user_fields=_fields(user_fields, user, "user", "user_fields"),
        item_fields=_fields(item_fields, item, "item", "item_fields"),
    )


def from_csv(
    path: str | Path,
    *,
    user: str = "user",
    item: str = "item",
    rating: str | None = None,
    time: str | None = None,
    label: str | None = None,
    separator: str = ",",
    duplicates: Duplicates = "error",
) -> Interactions:
    """Return the interactions in a CSV file with a header; arguments as in `from_frame`, dates as in ISO 8601.

    Raises:
        DataError: as in `from_frame`; the message names the line.
    """
    columns = _named_columns(user, item, rating, time, label)
    path = _existing(path)
    table = read_delimited(path, separator, dict.fromkeys(columns.values(), pa.string()))
    return encode(_roles(table, columns, str(path)), line_of(path, separator), duplicates=duplicates)


def from_parquet(
    path: str | Path,
    *,
    user: str = "user",
    item: str = "item",
    rating: str | None = None,
    time: str | None = None,
    label: str | None = None,
    duplicates: Duplicates = "error",
) -> Interactions:
    """Return the interactions in a Parquet file; arguments as in `from_frame`.

    Raises:
        DataError: as in `from_frame`.
    """
    columns = _named_columns(user, item, rating, time, label)
    try:
        table = pq.read_table(_existing(path))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} is not a Parquet file: {' '.join(str(error).split())}") from None
    where: Where = lambda row: f"{path}, row {row}" if row >= 0 else str(path)  # noqa: E731
    return encode(_roles(table, columns, str(path)), where, duplicates=duplicates)


def from_atomic(
    folder: str | Path, *, roles: Mapping[Role, str] | None = None, duplicates: Duplicates = "error"
) -> Interactions:
    """Return the interactions in RecBole's atomic files: `NAME.inter` and, where present, `NAME.user`, `NAME.item`.

    Args:
        folder: the folder of the files, or the `.inter` file itself.
        roles: the field that plays a role, where it is not that of `ATOMIC_ROLES`.
        duplicates: as in `from_frame`.

    Raises:
        ConfigError: there is no such role.
        DataError: a file is missing or malformed, or a value is bad; the message names file and line.
    """
    named = roles or {}
    for role in named:
        if role not in ATOMIC_ROLES:
            raise ConfigError(unknown("role", role, ATOMIC_ROLES))
    path = _inter_file(Path(folder))
    table = _read_atomic(path)
    free = set(table.column_names) - set(named.values())
    defaults = {role: field for role, field in ATOMIC_ROLES.items() if role not in NUMERIC or field in free}
    fields = {**defaults, **named}
    sides = {
        role: _roles(_read_atomic(side), {role: fields[role]}, str(side))
        for role in ("user", "item")
        if (side := path.with_suffix(f".{role}")).exists()
    }
    return encode(
        _roles(table, fields, str(path)),
        line_of(path, "\t"),
        duplicates=duplicates,
        user_fields=sides.get("user"),
        item_fields=sides.get("item"),
    )


def _inter_file(path: Path) -> Path:
    if path.suffix == ".inter":
        return _existing(path)
    if not path.is_dir():
        raise DataError(f"there is no folder {path}")
    found = sorted(path.glob("*.inter"))
    if len(found) != 1:
        raise DataError(f"{path} must hold exactly one .inter file, found {len(found)}")
    return found[0]


def _read_atomic(path: Path) -> pa.Table:
    """Read one atomic file: `name:type` headers; token and sequence fields stay text, float fields become numbers."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        header = file.readline().rstrip("\r\n").split("\t")
    table = read_delimited(path, "\t", dict.fromkeys(header, pa.string()))
    malformed = [field for field in header if field.count(":") != 1]
    if malformed:
        raise DataError(f"{path}, line 1: expected fields as name:type, found {malformed[0]!r}")
    return table.rename_columns([field.split(":")[0] for field in header])


def _existing(path: str | Path) -> Path:
    if not Path(path).is_file():
        raise DataError(f"there is no file {path}")
    return Path(path)


def _named_columns(user: str, item: str, rating: str | None, time: str | None, label: str | None) -> dict[str, str]:
    named = {"user": user, "item": item, "rating": rating, "time": time, "label": label}
    return {role: name for role, name in named.items() if name is not None}


def _roles(table: pa.Table, columns: Mapping[str, str], source: str) -> pa.Table:
    """Rename the columns to their roles.

    A side field that bears the name of a role that another column plays would be ambiguous, so it is refused.
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


def _fields(frame: pd.DataFrame | None, column: str, role: str, source: str) -> pa.Table | None:
    return None if frame is None else _roles(arrow_table(frame, source), {role: column}, source)
