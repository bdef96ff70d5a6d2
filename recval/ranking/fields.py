"""Side fields of users and items as what metrics compute with: groups, categories, vectors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from recval.data.interactions import Codes
from recval.errors import ConfigError

Floats = npt.NDArray[np.float64]


def group_codes(column: pa.Array) -> Codes:
    """Return a code from 0 for each distinct value, -1 where there is none, shape [n]."""
    codes = column.dictionary_encode() if not pa.types.is_dictionary(column.type) else column
    return pc.fill_null(codes.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)


def category_matrix(column: pa.Array) -> sparse.csr_array:
    """Return the categories of each row as ones in a sparse matrix [n, n_categories]."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(column))
    if _is_list(column.type):
        item, values = pc.list_parent_indices(column), pc.list_flatten(column)
    else:
        item, values = pa.array(np.arange(len(column))), column
    known = pc.is_valid(values)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        known = pc.and_(known, pc.fill_null(pc.not_equal(values, ""), False))
    coded = values.filter(known).dictionary_encode()
    cells = (item.filter(known).to_numpy(), coded.indices.to_numpy())
    matrix = sparse.csr_array((np.ones(len(coded)), cells), shape=(len(column), len(coded.dictionary)))
    matrix.data[:] = 1.0  # A category that an item names twice was added up.
    return matrix


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def is_vector(kind: pa.DataType) -> bool:
    """Return whether the values of a type are lists of floats; whole numbers stand for categories."""
    return _is_list(kind) and pa.types.is_floating(kind.value_type)


def stacked(column: pa.Array, name: str) -> Floats:
    """Return lists of numbers as the rows of a matrix, zeros where there is none."""
    rows = [np.asarray(row, np.float64) for row in column.to_pylist() if row is not None]
    if len({len(row) for row in rows}) > 1 or not all(np.isfinite(row).all() for row in rows):
        raise ConfigError(f"the vectors of the item field {name!r} must be finite and of one length")
    matrix = np.zeros((len(column), len(rows[0]) if rows else 0))
    matrix[column.is_valid().to_numpy(zero_copy_only=False)] = rows
    return matrix


def unit_rows(vectors: Floats) -> Floats:
    """Return the rows scaled to length 1; a row of zeros stays one."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


def unit_categories(categories: sparse.csr_array) -> sparse.csr_array:
    """Return the rows of ones scaled to length 1; an empty row stays empty."""
    counts = np.diff(categories.indptr)
    return sparse.csr_array(
        (1 / np.sqrt(np.repeat(counts, counts)), categories.indices, categories.indptr), shape=categories.shape
    )
