"""DataFrames as Arrow tables; what Arrow cannot hold is named by its row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from recval.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


def arrow_table(frame: pd.DataFrame, source: str) -> pa.Table:
    """Return the columns of a DataFrame as a table, without its index.

    Args:
        frame: the DataFrame.
        source: what it is called in messages ("the frame").

    Raises:
        DataError: two columns have one name, or a column mixes types.
    """
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{source}: two columns are named {twice!r}; rename one of them")
    return pa.table(
        {name: _array(column, name, source) for name, (_, column) in zip(names, frame.items(), strict=True)}
    )


def _array(column: pd.Series, name: str, source: str) -> pa.Array:
    try:
        return pa.Array.from_pandas(column)
    except (pa.ArrowException, OverflowError) as error:
        kind: type | None = None
        for row, (value, present) in enumerate(zip(column, column.notna(), strict=True)):
            kind = kind or (type(value) if present else None)
            if kind and present and type(value) is not kind:
                expected = f"{kind.__name__}, as above"
                raise DataError(f"{source}, row {row}: the {name} must be {expected}, found {value!r}") from None
        raise DataError(f"{source}: the column {name!r} cannot be read: {' '.join(str(error).split())}") from None
