"""The types of arrays, and checks of those that callers give, with errors of one line."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recval.errors import DataError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def per_arm(name: str, values: npt.ArrayLike) -> Floats:
    """Return finite numbers by row and treatment, shape [n, A]; those of one treatment may come as [n].

    Raises:
        DataError: there are no rows, the shape is another, or a value is missing or infinite.
    """
    found = np.asarray(values, np.float64)
    table = found[:, None] if found.ndim == 1 else found
    if table.ndim != 2 or table.size == 0:
        raise DataError(
            f"{name} must have shape [n] or [n, treatments], with at least one row, found {list(found.shape)}"
        )
    wrong = ~np.isfinite(table)
    if wrong.any():
        raise DataError(
            f"{name} must be finite, found {wrong.sum():,} missing or infinite, first in row {wrong.any(1).argmax()}"
        )
    return table


def same_shape(name: str, values: Floats, other: str, shape: tuple[int, ...]) -> None:
    """Refuse values of a shape other than that of `other`.

    Raises:
        DataError: the shapes differ.
    """
    if values.shape != shape:
        raise DataError(f"{name} must have the shape of {other}, {list(shape)}, found {list(values.shape)}")


def arm_codes(name: str, values: npt.ArrayLike, rows: int, n_arms: int) -> Ints:
    """Return arms as codes below `n_arms`, shape [n]; 0 is the control.

    Raises:
        DataError: there are not `rows` of them, or one is no such code.
    """
    found = np.asarray(values)
    if found.shape != (rows,):
        raise DataError(f"{name} must have shape [{rows}], found {list(found.shape)}")
    codes = found.astype(np.int64) if found.dtype.kind in "iub" else None
    if codes is None or (rows and not 0 <= codes.min() <= codes.max() < n_arms):
        wrong = found if codes is None else found[(codes < 0) | (codes >= n_arms)]
        raise DataError(f"{name} must hold whole numbers from 0 (control) to {n_arms - 1}, found {wrong[0]!s}")
    return codes
