"""Encoding: raw columns of ids and values become an `Interactions`, or one error that names the first bad row."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recval.data.columns import NUMERIC, Where, checked_ids, checked_numbers
from recval.data.interactions import Interactions
from recval.data.vocabulary import Codes, Vocabulary
from recval.errors import ConfigError, DataError, unknown

Duplicates = Literal["error", "first", "last"]


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
        ConfigError: `duplicates` is not one of its words.
        DataError: no rows; a missing or negative id; a value that is no finite number; a duplicate.
    """
    if duplicates not in get_args(Duplicates):
        raise ConfigError(unknown("value of duplicates", duplicates, get_args(Duplicates)))
    if raw.num_rows == 0:
        raise DataError(f"{where(-1)}: no interactions")
    columns = {name: raw[name].combine_chunks() for name in raw.column_names}
    for role in ("user", "item"):
        columns[role] = checked_ids(columns[role], role, where)
    for name in NUMERIC:
        if name in columns:
            columns[name] = checked_numbers(columns[name], name, where)
    users, columns["user"] = vocabulary_of(columns["user"], user_fields, "user")
    items, columns["item"] = vocabulary_of(columns["item"], item_fields, "item")
    encoded = Interactions(pa.table(columns), users, items)
    rows = _distinct_rows(encoded, duplicates, where)
    return encoded if len(rows) == len(encoded) else encoded.take(rows)


def compact(interactions: Interactions) -> Interactions:
    """Return the same interactions over vocabularies without the users and items that have none."""
    users = _taken(interactions.users, np.flatnonzero(interactions.user_counts()))
    items = _taken(interactions.items, np.flatnonzero(interactions.item_counts()))
    return recode(interactions, users, items)


def union(first: Vocabulary, *others: Vocabulary) -> Vocabulary:
    """Return the vocabulary of `first`, followed by the ids that only the others have.

    Raises:
        DataError: the ids, or fields of one name, differ in type.
    """
    types = {vocabulary.ids.type for vocabulary in (first, *others)}
    if len(types) > 1:
        raise DataError(f"ids of different types cannot be joined: {', '.join(sorted(map(str, types)))}")
    ids = pc.unique(pa.chunked_array([vocabulary.ids for vocabulary in (first, *others)]))
    described = [vocabulary for vocabulary in (first, *others) if vocabulary.fields is not None]
    if not described:
        return Vocabulary(ids)
    known = pa.concat_arrays([vocabulary.ids for vocabulary in described])
    try:
        fields = pa.concat_tables([vocabulary.fields for vocabulary in described], promote_options="permissive")
    except pa.ArrowTypeError as error:
        raise DataError(f"fields of different types cannot be joined: {error}") from None
    return Vocabulary(ids, fields.take(pc.index_in(ids, value_set=known)))


def recode(interactions: Interactions, users: Vocabulary, items: Vocabulary) -> Interactions:
    """Return the same interactions over other vocabularies.

    Raises:
        DataError: a user or item that has interactions is missing in the new vocabularies.
    """
    table, knowledge = interactions.table, interactions.knowledge
    for role, old, new in (("user", interactions.users, users), ("item", interactions.items, items)):
        codes = new.find(old.ids)[table[role].to_numpy()]
        if len(codes) and codes.min() < 0:
            lost = old.names(table[role].to_numpy()[[np.argmin(codes)]])
            raise DataError(f"the {role} {lost[0]} has interactions, but is not in the new vocabulary")
        table = table.set_column(table.column_names.index(role), role, pa.array(codes))
    if knowledge is not None:
        knowledge = knowledge.for_items(interactions.items.find(items.ids))
    return Interactions(table, users, items, knowledge)


def vocabulary_of(ids: pa.Array, fields: pa.Table | None, role: str) -> tuple[Vocabulary, pa.Array]:
    """Return the distinct ids in their order, by number where all are, and the code of each id (int64).

    Args:
        ids: the ids, which may repeat.
        fields: what is known of them; ids in the column `role`.
        role: whose ids.
    """
    distinct = pc.unique(ids)
    order = distinct
    if pa.types.is_string(ids.type) and pc.all(pc.match_substring_regex(distinct, r"^\d{1,18}$")).as_py():
        order = distinct.cast(pa.int64())
    # Text such as "07" and "7" stays distinct: the sort is by number, and by text within a number.
    keys = pa.table({"number": order, "text": distinct})
    distinct = distinct.take(pc.sort_indices(keys, sort_keys=[("number", "ascending"), ("text", "ascending")]))
    codes = pc.index_in(ids, value_set=distinct).cast(pa.int64())
    return Vocabulary(distinct, _aligned(fields, distinct, role)), codes


def _taken(vocabulary: Vocabulary, codes: Codes) -> Vocabulary:
    indices = pa.array(codes)
    fields = None if vocabulary.fields is None else vocabulary.fields.take(indices)
    return Vocabulary(vocabulary.ids.take(indices), fields)


def _aligned(fields: pa.Table | None, ids: pa.Array, role: str) -> pa.Table | None:
    if fields is None or fields.num_columns == 1:
        return None
    try:
        known = fields[role].combine_chunks().cast(ids.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise DataError(
            f"the fields of the {role}s name them by {fields[role].type}, but the interactions by {ids.type}"
        ) from None
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
