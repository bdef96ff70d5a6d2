r"""Item k-NN: items are alike that the same users met.

The similarity of two items is :math:`n_{ij} / (\sqrt{n_i n_j} + \text{shrink})`, with n the numbers of users who met
them among the kept rows; each item keeps its k most similar ones, and a user's score of an item is the sum over what
it met. Choose it for catalogues that EASE's matrices are too large for: similarities are made for a block of items at
a time, and all that is kept of them is sparse.

Source: Deshpande and Karypis, "Item-Based Top-N Recommendation Algorithms", TOIS 2004; Aiolli, RecSys 2013.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from scipy import sparse
from torch import Tensor

from recval.ranking import Scorer
from recval.valuation.recommender_games.cells import Cells
from recval.valuation.recommender_games.utilities.base import Learner, Mask, Problem, Utility

_ITEMS_A_BLOCK = 512


class Neighbours(Utility):
    """Item k-NN with the cosine.

    Attributes:
        k: how many neighbours of each item.
        shrink: what is added to the denominator, so that items met by few are less alike.
    """

    kind: Literal["neighbours"] = "neighbours"
    k: int = Field(100, ge=1)
    shrink: float = Field(0.0, ge=0, allow_inf_nan=False)
    batch_size: ClassVar[int] = 64

    def prepare(self, problem: Problem) -> Learner:
        """Return the learner."""
        return NeighboursLearner(problem, self)


class NeighboursLearner(Learner):
    """Item k-NN on parts of the training interactions."""

    def __init__(self, problem: Problem, settings: Neighbours) -> None:
        self._cells, self._settings = Cells(problem.train), settings

    def learn(self, kept: Mask) -> Scorer:
        """Return the scorer of one mask."""
        matrix = self._cells.matrix(self._cells.kept(kept))
        similarity = similarities(matrix, self._settings.k, self._settings.shrink)

        def score(users: Tensor) -> Tensor:
            return torch.from_numpy((matrix[users.cpu().numpy()] @ similarity).toarray()).to(users.device)

        return score


def similarities(matrix: sparse.csr_array, k: int, shrink: float) -> sparse.csr_array:
    """Return the similarity of each item (column) to its k neighbours (rows), shape [n_items, n_items].

    Of neighbours that are equally similar at the k-th place some are kept, always the same.

    Args:
        matrix: ones, shape [n_users, n_items].
        k: how many neighbours.
        shrink: see `Neighbours`.
    """
    columns, n_items = sparse.csr_array(matrix.T), matrix.shape[1]
    lengths = np.sqrt(np.diff(columns.indptr))
    k = min(k, n_items)
    blocks = []
    for start in range(0, n_items, _ITEMS_A_BLOCK):
        block = np.arange(start, min(start + _ITEMS_A_BLOCK, n_items))
        alike = (columns[block] @ matrix).toarray()
        alike /= np.maximum(lengths[block, None] * lengths + shrink, 1e-6)
        alike[np.arange(len(block)), block] = 0.0
        nearest = np.argpartition(-alike, k - 1, axis=1)[:, :k]
        weights = np.take_along_axis(alike, nearest, axis=1)
        cells = np.repeat(np.arange(len(block)), k), nearest.ravel()
        blocks.append(sparse.csr_array((weights.ravel(), cells), shape=(len(block), n_items)))
    found = sparse.csr_array(sparse.vstack(blocks).T)
    found.eliminate_zeros()
    return found
