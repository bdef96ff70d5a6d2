"""RecBole's atomic files: a folder with `NAME.inter` and, where they are known, `NAME.user` and `NAME.item`.

A knowledge graph of the items lies in `NAME.kg` (triples of entities) and `NAME.link` (which entity an item is).
Each is text, separated by tabs, below a header of fields as `name:type`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recval.data.columns import NUMERIC, Role, checked_ids, in_roles
from recval.data.delimited import line_of, read_delimited
from recval.data.encoding import Duplicates, encode, vocabulary_of
from recval.data.interactions import Interactions
from recval.data.knowledge import KnowledgeGraph
from recval.data.vocabulary import Vocabulary
from recval.errors import ConfigError, DataError, unknown

ATOMIC_ROLES: dict[Role, str] = {
    "user": "user_id",
    "item": "item_id",
    "rating": "rating",
    "time": "timestamp",
    "label": "label",
}
"""The fields that RecBole's atomic files commonly have."""

ENDINGS = (".inter", ".user", ".item", ".kg", ".link")
"""The files of one data set."""

TYPES = ("token", "token_seq", "float", "float_seq")


def from_atomic(
    folder: str | Path, *, roles: Mapping[Role, str] | None = None, duplicates: Duplicates = "error"
) -> Interactions:
    """Return the interactions in atomic files; their side fields are text.

    A knowledge graph is read where there are both of its files.

    Args:
        folder: the folder of the files, or the `.inter` file itself.
        roles: the field that plays a role, where it is not that of `ATOMIC_ROLES`.
        duplicates: as in `from_frame`.

    Raises:
        ConfigError: there is no such role.
        DataError: a file is missing or malformed, or a value is bad; the message names file and line.
    """
    path = _inter_file(Path(folder))
    table = _read_atomic(path)
    fields = _fields(roles or {}, table.column_names)
    sides = {
        role: in_roles(_read_atomic(side), {role: fields[role]}, str(side))
        for role in ("user", "item")
        if (side := path.with_suffix(f".{role}")).exists()
    }
    interactions = encode(
        in_roles(table, fields, str(path)),
        line_of(path, "\t"),
        duplicates=duplicates,
        user_fields=sides.get("user"),
        item_fields=sides.get("item"),
    )
    if not (path.with_suffix(".kg").exists() and path.with_suffix(".link").exists()):
        return interactions
    return replace(interactions, knowledge=_knowledge(path, fields["item"], interactions.items))


def _knowledge(path: Path, item: str, items: Vocabulary) -> KnowledgeGraph:
    """Return the graph beside an `.inter` file.

    Args:
        path: the `.inter` file.
        item: the field of items.
        items: the items that have interactions; links of others count for nothing.
    """
    triple = _read_ids(path.with_suffix(".kg"), {"head": "head_id", "relation": "relation_id", "tail": "tail_id"})
    link = _read_ids(path.with_suffix(".link"), {"item": item, "entity": "entity_id"})
    first = pc.index_in(link["item"], value_set=link["item"])
    if len(again := np.flatnonzero(first.to_numpy() != np.arange(len(first)))):
        where = line_of(path.with_suffix(".link"), "\t")(int(again[0]))
        raise DataError(f"{where}: the item {link['item'][again[0]]} is linked a second time")
    entities, codes = vocabulary_of(pa.concat_arrays([triple["head"], triple["tail"], link["entity"]]), None, "entity")
    relations, relation = vocabulary_of(triple["relation"], None, "relation")
    count = len(relation)
    triples = pa.table({"head": codes[:count], "relation": relation, "tail": codes[count : 2 * count]})
    found = pc.index_in(items.ids, value_set=link["item"])
    links = pc.fill_null(codes[2 * count :].take(found), -1)
    return KnowledgeGraph(triples, entities, relations, links)


def _read_ids(path: Path, fields: Mapping[str, str]) -> dict[str, pa.Array]:
    """Return columns of ids of one atomic file, by what they stand for."""
    table = in_roles(_read_atomic(path), fields, str(path))
    return {name: checked_ids(table[name].combine_chunks(), name, line_of(path, "\t")) for name in fields}


def atomic_files(path: Path) -> list[Path]:
    """Return the files that `from_atomic` reads, as far as they are there."""
    inter = path if path.suffix == ".inter" else next(iter(sorted(path.glob("*.inter"))), path)
    return [file for ending in ENDINGS if (file := inter.with_suffix(ending)).is_file()]


def _inter_file(path: Path) -> Path:
    if path.suffix == ".inter":
        return path
    if not path.is_dir():
        raise DataError(f"there is no folder {path}")
    found = sorted(path.glob("*.inter"))
    if len(found) != 1:
        raise DataError(f"{path} must hold exactly one .inter file, found {len(found)}")
    return found[0]


def _read_atomic(path: Path) -> pa.Table:
    """Return the values of one atomic file as text, its columns without the types in their names."""
    header = _header(path)
    table = read_delimited(path, "\t", dict.fromkeys(header, pa.string()))
    for field in header:
        name, colon, kind = field.partition(":")
        if not (name and colon):
            raise DataError(f"{path}, line 1: expected fields as name:type, found {field!r}")
        if kind not in TYPES:
            raise DataError(f"{path}, line 1: {unknown(f'type of the field {name}', kind, TYPES)}")
    return table.rename_columns([field.partition(":")[0] for field in header])


def _header(path: Path) -> list[str]:
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return file.readline().rstrip("\r\n").split("\t")


def _fields(roles: Mapping[Role, str], found: list[str]) -> dict[Role, str]:
    """Return the field of each role: as it is named, else the common one, which may be absent for a number."""
    for role in roles:
        if role not in ATOMIC_ROLES:
            raise ConfigError(unknown("role", role, ATOMIC_ROLES))
    free = set(found) - set(roles.values())
    common = {role: field for role, field in ATOMIC_ROLES.items() if role not in NUMERIC or field in free}
    return {**common, **roles}
