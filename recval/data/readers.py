"""Readers: interactions from a DataFrame, a CSV file or a Parquet file.

Atomic files and adjacency lists have modules of their own.

Ids are text in files of text ("007" stays "007"); numbers find them all the same (`recommend(users=[7])` finds "7").
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from recval.data.columns import Role, Where, in_roles
from recval.data.delimited import line_of, read_delimited
from recval.data.encoding import Duplicates, encode
from recval.data.frames import arrow_table
from recval.data.interactions import Interactions
from recval.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


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
        in_roles(arrow_table(frame, "the frame"), columns, "the frame"),
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
    header: Sequence[str] | None = None,
    duplicates: Duplicates = "error",
) -> Interactions:
    """Return the interactions in a file of delimited text (UTF-8), which may be compressed (`.gz`).

    Args:
        path: the file.
        user: the column of the users' ids.
        item: the column of the items' ids.
        rating: the column of ratings, where there is one.
        time: the column of times: numbers, or dates as in ISO 8601.
        label: the column of labels (whole numbers).
        separator: what separates the columns; one ASCII character.
        header: the names of the columns, where the file has no header.
        duplicates: as in `from_frame`.

    Raises:
        DataError: as in `from_frame`; the message names the line.
    """
    columns = _named_columns(user, item, rating, time, label)
    path = Path(path)
    table = read_delimited(path, separator, dict.fromkeys(columns.values(), pa.string()), header)
    return encode(in_roles(table, columns, str(path)), line_of(path, separator, header), duplicates=duplicates)


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
    if not Path(path).is_file():
        raise DataError(f"there is no file {path}")
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} is not a Parquet file: {' '.join(str(error).split())}") from None
    where: Where = lambda row: f"{path}, row {row}" if row >= 0 else str(path)  # noqa: E731
    return encode(in_roles(table, columns, str(path)), where, duplicates=duplicates)


def _named_columns(user: str, item: str, rating: str | None, time: str | None, label: str | None) -> dict[Role, str]:
    named: dict[Role, str | None] = {"user": user, "item": item, "rating": rating, "time": time, "label": label}
    return {role: name for role, name in named.items() if name is not None}


def _fields(frame: pd.DataFrame | None, column: str, role: Role, source: str) -> pa.Table | None:
    return None if frame is None else in_roles(arrow_table(frame, source), {role: column}, source)
