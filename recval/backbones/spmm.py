"""Products of a binary sparse matrix with a dense table, compiled for CPUs.

The matrix is given by its rows: `starts` [N + 1] and `columns` [nnz], as in the CSR format; every entry is one, so no
values are read. The time goes into fetching rows of the table, so four are fetched at once. Each output number is added
up by one thread in a fixed order: results depend neither on the number of threads nor on chance.

Use torch's own sparse products on other devices, and where a gradient is wanted.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from numba import njit, types
from numba.extending import overload
from torch import Tensor

_WORTH_A_THREAD = 2**20
"""Additions below which a second thread costs more than it saves."""

_SIXTEEN = np.uint32(16)


def add_product(out: Tensor, rows: Tensor, starts: Tensor, columns: Tensor, table: Tensor, scale: Tensor) -> None:
    """Add to `out[p]` the sum of the rows of `table` that row `rows[p]` of the matrix holds, times `scale[p]`.

    Args:
        out: shape [P, d], float32 or float64.
        rows: rows of the matrix, shape [P], int64.
        starts: where each row begins in `columns`, shape [N + 1], int64.
        columns: column codes, shape [nnz], int32.
        table: shape [columns of the matrix, d], of the type of `out`, or bfloat16 for a float32 `out`.
        scale: shape [P], of the type of `out`.
    """
    arrays = [_array(tensor) for tensor in (out, rows, starts, columns, table, scale)]
    entries = _entries(rows, starts)
    shares = np.linspace(0, entries[-1], _threads(entries, out) + 1)[1:-1]
    _in_parallel(_add_product, arrays, [0, *np.searchsorted(entries, shares).tolist(), len(rows)])


def add_transposed_product(out: Tensor, rows: Tensor, starts: Tensor, columns: Tensor, table: Tensor) -> None:
    """Add `table[p]` to `out[j]` for every column j that row `rows[p]` of the matrix holds.

    Args:
        out: shape [columns of the matrix, d].
        rows: rows of the matrix, shape [P], int64.
        starts: see `add_product`.
        columns: see `add_product`.
        table: shape [P, d], of the type of `out`.
    """
    arrays = [_array(tensor) for tensor in (out, rows, starts, columns, table)]
    # Threads share out the features, so that none adds where another one does.
    shares = np.linspace(0, out.shape[1], _threads(_entries(rows, starts), out) + 1)
    _in_parallel(_add_transposed_product, arrays, shares.astype(np.int64).tolist())


def _array(tensor: Tensor) -> npt.NDArray[Any]:
    """The tensor's memory as an array; NumPy knows no bfloat16, so that goes as its bits."""
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


def _entries(rows: Tensor, starts: Tensor) -> npt.NDArray[np.int64]:
    """How many entries the first p rows hold, for p from 0, shape [P + 1]."""
    chosen, begins = rows.numpy(), starts.numpy()
    return np.concatenate([[0], np.cumsum(begins[chosen + 1] - begins[chosen])])


def _threads(entries: npt.NDArray[np.int64], out: Tensor) -> int:
    additions = int(entries[-1]) * out.shape[1]
    return max(1, min(torch.get_num_threads(), out.shape[1], additions // _WORTH_A_THREAD))


def _in_parallel(kernel: Callable[..., None], arrays: list[npt.NDArray[Any]], bounds: list[int]) -> None:
    """Run a kernel on each part [bounds[i], bounds[i + 1]), a thread each."""
    if len(bounds) == 2:
        kernel(*arrays, *bounds)
        return
    with ThreadPoolExecutor(len(bounds) - 1) as pool:
        list(pool.map(lambda low, high: kernel(*arrays, low, high), bounds[:-1], bounds[1:]))


def _number(stored):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """The number that an element of a table stands for; compiled code takes the overload below."""


@overload(_number, inline="always")
def _number_by_type(stored):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    if stored == types.uint16:
        return lambda stored: np.uint32(np.uint32(stored) << _SIXTEEN).view(np.float32)
    return lambda stored: stored


@njit(nogil=True, cache=True)
def _add_product(out, rows, starts, columns, table, scale, low, high):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    width = out.shape[1]
    total = np.empty(width, out.dtype)
    for p in range(low, high):
        total[:] = 0
        edge, end = starts[rows[p]], starts[rows[p] + 1]
        while edge + 4 <= end:
            first, second = table[columns[edge]], table[columns[edge + 1]]
            third, fourth = table[columns[edge + 2]], table[columns[edge + 3]]
            for k in range(width):
                total[k] += (_number(first[k]) + _number(second[k])) + (_number(third[k]) + _number(fourth[k]))
            edge += 4
        while edge < end:
            last = table[columns[edge]]
            for k in range(width):
                total[k] += _number(last[k])
            edge += 1
        for k in range(width):
            out[p, k] += scale[p] * total[k]


@njit(nogil=True, cache=True)
def _add_transposed_product(out, rows, starts, columns, table, low, high):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for p in range(len(rows)):
        source = table[p, low:high]
        for edge in range(starts[rows[p]], starts[rows[p] + 1]):
            target = out[columns[edge], low:high]
            for k in range(high - low):
                target[k] += source[k]
