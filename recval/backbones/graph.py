"""The user-item graph of interactions, and products with its adjacency on any device."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from torch import Tensor

from recval.backbones.spmm import add_product, add_transposed_product
from recval.data import Interactions

Precision = Literal["float32", "bfloat16"]

_COMPILED_FOR = ("cpu",)
"""The devices whose products are recval's own; elsewhere they are torch's."""


class UserItemGraph(torch.nn.Module):
    """The graph in which each interaction is an edge; repeated ones are a single edge.

    Node `c` is user `c`; node `n_users + c` is item `c`. A is the symmetric binary adjacency. The graph is made of the
    interactions again, so it is no part of a state.

    Args:
        train: the interactions.
        precision: how the rows that a product sums up are stored; sums are of the table's own type. With "bfloat16"
            they are rounded to 8 bits of precision.

    Attributes:
        n_users: number of users.
        n_items: number of items.
        starts: where the neighbours of each node begin in `columns`, shape [N + 1], int64.
        columns: the neighbours, ascending for each node, shape [2 x edges], int32.
        scale: D^-1/2, the reciprocal roots of the degrees, 1 where there is no edge; shape [N].
    """

    starts: Tensor
    columns: Tensor
    scale: Tensor

    def __init__(self, train: Interactions, precision: Precision = "float32") -> None:
        super().__init__()
        self.precision = precision
        self.n_users, self.n_items = len(train.users), len(train.items)
        starts, columns = _adjacency(train)
        scale = np.diff(starts).clip(1) ** -0.5
        self.register_buffer("starts", torch.from_numpy(starts), persistent=False)
        self.register_buffer("columns", torch.from_numpy(columns), persistent=False)
        self.register_buffer("scale", torch.from_numpy(scale).to(torch.get_default_dtype()), persistent=False)

    def __len__(self) -> int:
        return len(self.scale)

    def add_product(self, out: Tensor, rows: Tensor, table: Tensor, scale: Tensor) -> None:
        """Add the rows `rows` of A times `table`, each times its `scale`, to `out`.

        Args:
            out: shape [P, d].
            rows: nodes, shape [P], int64.
            table: shape [N, d].
            scale: shape [P].
        """
        table = table.bfloat16() if self.precision == "bfloat16" else table
        if out.device.type in _COMPILED_FOR:
            add_product(out, rows, self.starts, self.columns, table, scale)
        else:
            out.addcmul_((self._matrix(out.dtype) @ table.to(out.dtype))[rows], scale[:, None])

    def add_transposed_product(self, out: Tensor, rows: Tensor, table: Tensor) -> None:
        """Add the columns `rows` of A times `table` to `out`.

        Args:
            out: shape [N, d].
            rows: distinct nodes, shape [P], int64.
            table: shape [P, d].
        """
        if out.device.type in _COMPILED_FOR:
            add_transposed_product(out, rows, self.starts, self.columns, table)
        else:
            out += self._matrix(out.dtype) @ torch.zeros_like(out).index_copy_(0, rows, table)

    def _matrix(self, dtype: torch.dtype) -> Tensor:
        ones = torch.ones(len(self.columns), dtype=dtype, device=self.columns.device)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
            return torch.sparse_csr_tensor(
                self.starts.int(), self.columns, ones, (len(self), len(self)), check_invariants=False
            )


def _adjacency(train: Interactions) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """The adjacency in CSR form: where each node's neighbours begin, and the neighbours, ascending."""
    n_users, size = len(train.users), len(train.users) + len(train.items)
    ends = np.concatenate([train.user, train.item + n_users]), np.concatenate([train.item + n_users, train.user])
    matrix = sparse.csr_array((np.ones(2 * len(train), np.int8), ends), shape=(size, size))
    matrix.sum_duplicates()
    return matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32)
