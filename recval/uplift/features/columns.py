"""Columns of a table of features: its names, and the numbers, or the categories, that a column holds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from recval.errors import DataError

_HELD = {
    "string": "text",
    "mixed": "text",
    "mixed-integer": "text",
    "categorical": "text",
    "integer": "numbers",
    "floating": "numbers",
    "mixed-integer-float": "numbers",
    "decimal": "numbers",
    "boolean": "numbers",
    "empty": "nothing",
}
"""What a column holds, by the names that pandas gives to types of values; every other one is refused."""


def feature_frame(features: pd.DataFrame | npt.ArrayLike) -> pd.DataFrame:
    """Return features as a DataFrame whose columns have names of text; those of an array are x0, x1, ….

    Raises:
        DataError: it is no table, it has no column, or two columns have one name.
    """
    if isinstance(features, pd.DataFrame):
        frame = features
        if not all(isinstance(name, str) for name in frame.columns):
            frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    else:
        array = np.asarray(features)
        if array.ndim != 2:
            raise DataError(f"the features must be a table of rows and columns, got an array of shape {array.shape}")
        frame = pd.DataFrame(array, columns=[f"x{place}" for place in range(array.shape[1])])
    if not frame.shape[1]:
        raise DataError("the features have no column; at least one is needed")
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise DataError(f"the features have two columns named {twice!r}; rename one of them")
    return frame


def held(column: pd.Series) -> str:
    """Return what a column holds: "numbers", "text", "nothing", or in pandas' words what cannot be encoded."""
    kind = pd.api.types.infer_dtype(column, skipna=True)
    return _HELD.get(kind, kind)


def numbers_of(column: pd.Series) -> npt.NDArray[np.float64]:
    """Return the numbers in a column, NaN where one is missing.

    Raises:
        DataError: it holds something else.
    """
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiub":
        return column.to_numpy(np.float64)
    content = held(column)
    if content not in ("numbers", "nothing"):
        example = repr(column.dropna().iloc[0])
        raise DataError(f"the column {column.name!r} holds {content} ({example}); it held numbers in training")
    return column.astype(object).where(column.notna(), np.nan).to_numpy(np.float64)


def codes_of(column: pd.Series, categories: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """Return 1 + the place of each value among sorted `categories`, 0 where it is none of them or missing.

    Raises:
        DataError: the column holds values that are no categories, such as lists.
    """
    places, distinct = distinct_of(column)
    code = {category: place for place, category in enumerate(categories, start=1)}
    table = np.array([0, *(code.get(text, 0) for text in distinct)], np.int64)
    return table[places + 1]


def distinct_of(column: pd.Series) -> tuple[npt.NDArray[np.integer], list[str]]:
    """Return the place of each value among the distinct ones (-1: missing), and the text of those."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy(np.int64), [_text(value) for value in column.cat.categories]
    try:
        places, distinct = pd.factorize(column)
    except TypeError:
        example = repr(column.dropna().iloc[0])
        raise DataError(f"the column {column.name!r} holds {example}, which is neither number nor text") from None
    return places, [_text(value) for value in distinct]


def _text(value: object) -> str:
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)
