"""Encoding: raw columns of ids and values become an `Interactions`, or one error that names the first bad row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recval.data.interactions import Codes, Interactions, Vocabulary
from recval.errors import DataError

Duplicates = Literal["error", "first", "last"]
Where = Callable[[int], str]
"""Says where a row (counted from 0) stands: "ratings.csv, line 7"."""

NUMERIC = {"rating": pa.float64(), "time": pa.float64(), "label": pa.int64()}


def encode(
    raw: pa.Table,
    where: Where,
    *,
    duplicates: Duplicates = "error",
    user_fields: pa.Table | None = None,
    item_fields: pa.Table | None = None,
) -> Interactions:
    """Return the interactions of a table with the columns `user` and `item` (ids), and any others.

    Args:
        raw: ids in `user` and `item`; `rating`, `time` and `label`, where present, must be numbers.
        where: says where a row stands, for error messages.
        duplicates: what to do when a user meets an item twice: an error, or keep the first or last of the rows.
        user_fields: what is known of the users; ids in the column `user`.
        item_fields: what is known of the items; ids in the column `item`.

    Raises:
        DataError: no rows; a missing or negative id; a value that is no finite number; a duplicate.
    """
    if raw.num_rows == 0:
        raise DataError(f"{where(-1)}: no interactions")
    columns = {name: raw[name].combine_chunks() for name in raw.column_names}
    for role in ("user", "item"):
        columns[role] = _checked_ids(columns[role], role, where)
    for name, kind in NUMERIC.items():
        if name in columns:
            columns[name] = _checked_numbers(columns[name], name, kind, where)
    users, columns["user"] = _vocabulary(columns["user"], user_fields, "user")
    items, columns["item"] = _vocabulary(columns["item"], item_fields, "item")
    encoded = Interactions(pa.table(columns), users, items)
    rows = _distinct_rows(encoded, duplicates, where)
    return encoded if len(rows) == len(encoded) else encoded.take(rows)


def compact(interactions: Interactions) -> Interactions:
    """Return the same interactions over vocabularies without the users and items that have none."""
    columns = {name: interactions.table[name] for name in interactions.table.column_names}
    vocabularies = {}
    for role, vocabulary in (("user", interactions.users), ("item", interactions.items)):
        kept, codes = np.unique(columns[role].to_numpy(), return_inverse=True)
        indices = pa.array(kept)
        fields = None if vocabulary.fields is None else vocabulary.fields.take(indices)
        vocabularies[role] = Vocabulary(vocabulary.ids.take(indices), fields)
        columns[role] = pa.array(codes.astype(np.int64))
    return Interactions(pa.table(columns), vocabularies["user"], vocabularies["item"])


def union(first: Vocabulary, *others: Vocabulary) -> Vocabulary:
    """Return the vocabulary of `first`, followed by the ids that only the others have.

    Raises:
        DataError: the ids differ in type.
    """
    types = {vocabulary.ids.type for vocabulary in (first, *others)}
    if len(types) > 1:
        raise DataError(f"ids of different types cannot be joined: {', '.join(sorted(map(str, types)))}")
    ids = pc.unique(pa.chunked_array([vocabulary.ids for vocabulary in (first, *others)]))
    described = [vocabulary.fields for vocabulary in (first, *others) if vocabulary.fields is not None]
    if not described:
        return Vocabulary(ids)
    known = pa.concat_arrays(
        [vocabulary.ids for vocabulary in (first, *others) if vocabulary.fields is not None]
    )
    return Vocabulary(ids, pa.concat_tables(described, promote_options="default").take(pc.index_in(ids, value_set=known)))


def recode(interactions: Interactions, users: Vocabulary, items: Vocabulary) -> Interactions:
    """Return the same interactions over larger vocabularies."""
    table = interactions.table
    for role, old, new in (("user", interactions.users, users), ("item", interactions.items, items)):
        codes = new.codes(old.ids)[table[role].to_numpy()]
        table = table.set_column(table.column_names.index(role), role, pa.array(codes))
    return Interactions(table, users, items)


def _checked_ids(ids: pa.Array, role: str, where: Where) -> pa.Array:
    if pa.types.is_dictionary(ids.type):
        ids = ids.dictionary_decode()
    if pa.types.is_floating(ids.type) and not ids.null_count and pc.all(pc.equal(ids, pc.floor(ids))).as_py():
        ids = ids.cast(pa.int64())
    if not (pa.types.is_integer(ids.type) or pa.types.is_string(ids.type) or pa.types.is_large_string(ids.type)):
        missing = f", {where(_first(pc.is_null(ids, nan_is_null=True)))} has none" if ids.null_count else ""
        raise DataError(f"{where(-1)}: the {role} ids must be integers or text, found {ids.type}{missing}")
    ids = ids.cast(pa.int64()) if pa.types.is_integer(ids.type) else ids.cast(pa.string())
    if ids.null_count:
        raise DataError(f"{where(_first(pc.is_null(ids)))}: the {role} is missing")
    if pa.types.is_string(ids.type):
        if (empty := _first(pc.equal(ids, ""))) is not None:
            raise DataError(f"{where(empty)}: the {role} is missing")
        whole = pc.all(pc.match_substring_regex(ids, r"^-?\d+$")).as_py()
        negative = pc.starts_with(ids, "-") if whole else pa.array([False])
    else:
        negative = pc.less(ids, 0)
    if (row := _first(negative)) is not None:
        raise DataError(f"{where(row)}: the {role} id {ids[row].as_py()} is negative; ids are 0 or more, or text")
    return ids


def _checked_numbers(values: pa.Array, name: str, kind: pa.DataType, where: Where) -> pa.Array:
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        numbers = pc.match_substring_regex(pc.utf8_trim_whitespace(values), r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
        bad = pc.or_kleene(pc.is_null(values), pc.invert(numbers))
        if (row := _first(bad)) is not None:
            raise DataError(f"{where(row)}: the {name} must be a number, found {values[row].as_py()!r}")
        values = pc.utf8_trim_whitespace(values).cast(pa.float64())
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_boolean(values.type)):
        raise DataError(f"{where(-1)}: the {name} must be a number, found {values.type}")
    floats = values.cast(pa.float64(), safe=False)
    if (row := _first(pc.invert(pc.fill_null(pc.is_finite(floats), False)))) is not None:
        raise DataError(f"{where(row)}: the {name} must be a finite number, found {values[row].as_py()}")
    if pa.types.is_integer(kind) and (row := _first(pc.not_equal(floats, pc.floor(floats)))) is not None:
        raise DataError(f"{where(row)}: the {name} must be a whole number, found {values[row].as_py()}")
    return floats.cast(kind)


def _vocabulary(ids: pa.Array, fields: pa.Table | None, role: str) -> tuple[Vocabulary, pa.Array]:
    distinct = pc.unique(ids)
    order = distinct
    if pa.types.is_string(ids.type) and pc.all(pc.match_substring_regex(distinct, r"^\d{1,18}$")).as_py():
        order = distinct.cast(pa.int64())
    # Text such as "07" and "7" stays distinct: the sort is by number, and by text within a number.
    keys = pa.table({"number": order, "text": distinct})
    distinct = distinct.take(pc.sort_indices(keys, sort_keys=[("number", "ascending"), ("text", "ascending")]))
    codes = pc.index_in(ids, value_set=distinct).cast(pa.int64())
    return Vocabulary(distinct, _aligned(fields, distinct, role)), codes


def _aligned(fields: pa.Table | None, ids: pa.Array, role: str) -> pa.Table | None:
    if fields is None:
        return None
    known = fields[role].combine_chunks().cast(ids.type)
    return fields.drop_columns([role]).take(pc.index_in(ids, value_set=known))


def _distinct_rows(interactions: Interactions, duplicates: Duplicates, where: Where) -> Codes:
    """Return the rows to keep, in their order, so that no (user, item) pair occurs twice."""
    pairs = interactions.user * len(interactions.items) + interactions.item
    ordered = pairs if duplicates != "last" else pairs[::-1]
    _, first = np.unique(ordered, return_index=True)
    if len(first) < len(pairs) and duplicates == "error":
        repeated = _first_repeat(pairs, first)
        user = interactions.users.names([interactions.user[repeated]])[0]
        item = interactions.items.names([interactions.item[repeated]])[0]
        raise DataError(
            f"{where(repeated)}: the pair user {user}, item {item} occurs a second time; "
            "keep one of its rows with duplicates='first' or 'last'"
        )
    rows = first if duplicates != "last" else len(pairs) - 1 - first
    return np.sort(rows)


def _first_repeat(pairs: Codes, first: npt.NDArray[np.intp]) -> int:
    repeats = np.ones(len(pairs), bool)
    repeats[first] = False
    return int(np.flatnonzero(repeats)[0])


def _first(mask: pa.Array) -> int | None:
    """Return the position of the first true value, or None."""
    position = pc.index(mask, True).as_py()
    return None if position < 0 else position
