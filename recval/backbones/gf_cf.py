"""GF-CF: a low-pass filter on the item graph, in closed form; there is nothing to train.

With R the binary interactions, D_U and D_I the degrees and R_n = D_U^-1/2 R D_I^-1/2, the scores of a user with the row
r of R are r R_n' R_n + alpha r D_I^-1/2 V V' D_I^1/2: what neighbours of neighbours like, and the projection on the
directions V that vary least over the graph, the first right singular vectors of R_n.

Choose it as the reference that every trained graph model must beat: it takes a minute where they take hours, ranks new
users by what they did (`fold_in`), and its memory grows with the interactions, not with the square of the items. EASE
is often more accurate where items are few enough for it.

Reference:
    Shen et al. "How Powerful is Graph Convolution for Recommendation?" CIKM 2021.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from scipy import sparse
from scipy.sparse.linalg import svds
from torch import Tensor
from torch.nn.functional import embedding_bag

from recval.backbones.closed_form import ClosedForm
from recval.backbones.graph import UserItemGraph
from recval.backbones.registry import model
from recval.data import Interactions
from recval.errors import ModelError
from recval.ranking import ItemSets, Scorer

_ZERO = 1e-9
"""Singular values at most this large are rounding errors; the largest is one."""


@model("GFCF")
class GFCF(ClosedForm):
    """GF-CF, complete as it is built.

    Args:
        train: the interactions that make the graph; repeated ones count once.
        alpha: the weight of the ideal low-pass filter beside the linear one.
        n_factors: how many singular vectors it keeps; vectors of singular value zero are left out.
    """

    to_factors: Tensor
    from_factors: Tensor

    def __init__(
        self,
        train: Interactions,
        *,
        alpha: Annotated[float, Field(ge=0)] = 0.3,
        n_factors: Annotated[int, Field(ge=1)] = 256,
    ) -> None:
        super().__init__(train)
        self.alpha = alpha
        self.graph = UserItemGraph(train)
        self._history = ItemSets.of(train)
        scale = self.graph.scale.double()
        factors = torch.from_numpy(_right_singular_vectors(self._history, scale.numpy(), n_factors))
        of_items = scale[self.n_users :, None]
        precision = self.graph.scale.dtype
        self.register_buffer("to_factors", (factors * of_items).to(precision), persistent=False)
        self.register_buffer("from_factors", (factors / of_items).to(precision), persistent=False)

    def score(self, users: Tensor) -> Tensor:
        """Return the scores of all items for the users of the training interactions, shape [U, n_items]."""
        return self._score(self._history, users)

    def fold_in(self, interactions: Interactions) -> Scorer:
        """Return a scorer for the users of other interactions with the same items, by what these users did.

        Raises:
            DataError: the items are not the model's.
        """
        self.check_items(interactions)
        return partial(self._score, ItemSets.of(interactions))

    def user_embeddings(self, users: Tensor) -> Tensor:
        """Return the users' interactions in the space of the singular vectors, shape [B, n_factors]."""
        return self._in_factors(*self._cells(self._history, users), len(users))

    def item_embeddings(self, items: Tensor) -> Tensor:
        """Return the vectors whose products with the users' are the low-pass part of the scores."""
        return self.from_factors[items]

    def _score(self, history: ItemSets, users: Tensor) -> Tensor:
        position, item = self._cells(history, users)
        graph = self.graph
        table = self.to_factors.new_zeros(len(graph), len(users))
        table[item + self.n_users, position] = graph.scale[item + self.n_users]
        of_users, of_items = torch.arange(len(graph), device=users.device).split([self.n_users, self.n_items])
        smoothed = self.to_factors.new_zeros(self.n_users, len(users))
        graph.add_product(smoothed, of_users, table, graph.scale[of_users].square())
        table[: self.n_users] = smoothed
        scores = self.to_factors.new_zeros(self.n_items, len(users))
        graph.add_product(scores, of_items, table, graph.scale[of_items])
        return scores.T.addmm(self._in_factors(position, item, len(users)), self.from_factors.T, alpha=self.alpha)

    def _in_factors(self, position: Tensor, item: Tensor, n_users: int) -> Tensor:
        bounds = torch.searchsorted(position, torch.arange(n_users, device=item.device))
        return embedding_bag(item, self.to_factors, bounds, mode="sum")

    @staticmethod
    def _cells(history: ItemSets, users: Tensor) -> tuple[Tensor, Tensor]:
        """The users' interactions: positions in `users`, ascending, and items."""
        position, item = history.cells(users.cpu().numpy())
        return torch.from_numpy(position).to(users.device), torch.from_numpy(item).to(users.device)


def _right_singular_vectors(history: ItemSets, scale: npt.NDArray[np.float64], number: int) -> npt.NDArray[np.float64]:
    """The first right singular vectors of the normalised interactions, shape [n_items, <= number].

    They come from Lanczos bidiagonalisation, or from a dense decomposition where a good part of all is asked for. Users
    and items without interactions have no part in them.

    Raises:
        ModelError: the interactions do not span as many directions.
    """
    user, item = history.cells(np.arange(history.n_users))
    values = scale[user] * scale[history.n_users + item]
    (users, row), (items, column) = (np.unique(codes, return_inverse=True) for codes in (user, item))
    matrix = sparse.csr_array((values, (row, column)), shape=(len(users), len(items)))
    if 4 * number >= min(matrix.shape):
        _, singular, vectors = np.linalg.svd(matrix.toarray(), full_matrices=False)
    else:
        start = np.random.default_rng(0).standard_normal(len(users))
        try:
            _, singular, vectors = svds(matrix, k=number, solver="propack", v0=start)
        except np.linalg.LinAlgError:
            raise ModelError(f"the interactions do not span {number} directions; give GFCF a lower n_factors") from None
    first = np.argsort(-singular)[:number]
    first = first[singular[first] > _ZERO]
    found = np.zeros((history.n_items, len(first)))
    found[items] = vectors[first].T
    return found
