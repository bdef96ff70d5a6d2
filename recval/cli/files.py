"""Files that commands write for a person: whole or absent, and never over another without being told to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from recval.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from recval.data import Interactions

TABLE_ENDINGS = (".csv", ".parquet", ".json")


def check_new(path: Path, *, force: bool) -> None:
    """Refuse a path that is taken.

    Raises:
        ConfigError: there is something already, and `force` was not given.
    """
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; name a file")
    if path.exists() and not force:
        raise ConfigError(f"{path} exists already; replace it with --force, or name another file")


def check_table(path: Path, *, force: bool, endings: Sequence[str] = TABLE_ENDINGS) -> None:
    """Refuse a path that no table can be written to, before any work is done.

    Raises:
        ConfigError: the ending says no format, or the path is taken.
    """
    if not path.name.endswith(tuple(endings)):
        allowed = f"{', '.join(endings[:-1])} or {endings[-1]}"
        raise ConfigError(f"{path}: the format follows from the ending, which must be {allowed}")
    check_new(path, force=force)


def write_interactions(path: Path, interactions: Interactions) -> None:
    """Write interactions with their own ids and all their columns, in the format of the path's ending."""
    _write(path, own_ids(interactions))


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write a DataFrame in the format of the path's ending."""
    import pyarrow as pa

    _write(path, pa.Table.from_pandas(frame, preserve_index=False))


def _write(path: Path, table: pa.Table) -> None:
    """Write a table as Parquet, as CSV, or as a JSON list with an object a row."""
    from pyarrow.csv import write_csv

    from recval.store.files import replacing, write_json, write_table

    if path.suffix == ".parquet":
        write_table(path, table)
    elif path.suffix == ".json":
        write_json(path, table.to_pylist())
    else:
        with replacing(path) as temporary:
            write_csv(table, temporary)


def own_ids(interactions: Interactions) -> pa.Table:
    """Return the table of interactions with the users' and items' own ids in place of the codes."""
    table = interactions.table
    for role, vocabulary in (("user", interactions.users), ("item", interactions.items)):
        position = table.column_names.index(role)
        table = table.set_column(position, role, vocabulary.ids.take(table[role].combine_chunks()))
    return table
