"""RecBole's atomic files: a folder with `NAME.inter` and, where they are known, `NAME.user` and `NAME.item`.

Each is text, separated by tabs, below a header of fields as `name:type`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from recval.data.columns import NUMERIC, Role, in_roles
from recval.data.delimited import line_of, read_delimited
from recval.data.encoding import Duplicates, encode
from recval.data.interactions import Interactions
from recval.errors import ConfigError, DataError, unknown

ATOMIC_ROLES: dict[Role, str] = {
    "user": "user_id",
    "item": "item_id",
    "rating": "rating",
    "time": "timestamp",
    "label": "label",
}
"""The fields that RecBole's atomic files commonly have."""

TYPES = ("token", "token_seq", "float", "float_seq")


def from_atomic(
    folder: str | Path, *, roles: Mapping[Role, str] | None = None, duplicates: Duplicates = "error"
) -> Interactions:
    """Return the interactions in atomic files; their side fields are text.

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
    return encode(
        in_roles(table, fields, str(path)),
        line_of(path, "\t"),
        duplicates=duplicates,
        user_fields=sides.get("user"),
        item_fields=sides.get("item"),
    )


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
