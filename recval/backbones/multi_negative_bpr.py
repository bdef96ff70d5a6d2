"""BPR with matrix factorisation, each sample held against many negatives at once.

The negatives of a batch are shared: every sample's loss is its mean over the first `negatives` of them, one matrix
product instead of one pair of vectors a sample. The gradient is far less noisy than that of one negative, which on
sparse data is worth more than a graph; choose it there before LightGCN. On dense, small data plain BPR does as well.

A sample's loss depends on its batch. Items that a user knows are never its negatives.

Reference:
    Rendle et al. "BPR: Bayesian Personalized Ranking from Implicit Feedback." UAI 2009. Sharing negatives within a
    batch: Hidasi et al. "Session-based Recommendations with Recurrent Neural Networks." ICLR 2016, section 3.2.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import softplus

from recval.backbones.base import Batch
from recval.backbones.matrix_factorisation import MatrixFactorisation
from recval.backbones.registry import model
from recval.data import Interactions

_INITIAL_DEVIATION = 0.01


@model("MultiNegativeBPR")
class MultiNegativeBPR(MatrixFactorisation):
    """A vector for each user and item; the score of a pair is their product.

    Args:
        train: the interactions.
        embedding_size: the length of a vector.
        negatives: how many of a batch's negatives every sample is held against; all where the batch has fewer.
        reg_weight: the weight of half the squared norms of a sample's user, item and (mean) negative in its loss.
    """

    starts: Tensor
    known_users: Tensor

    def __init__(
        self,
        train: Interactions,
        *,
        embedding_size: Annotated[int, Field(ge=1)] = 64,
        negatives: Annotated[int, Field(ge=1)] = 300,
        reg_weight: Annotated[float, Field(ge=0)] = 1e-4,
    ) -> None:
        super().__init__(train, embedding_size, _INITIAL_DEVIATION)
        self.negatives, self.reg_weight = negatives, reg_weight
        by_item = np.argsort(train.item, kind="stable")
        starts = np.concatenate([[0], np.cumsum(train.item_counts())])
        self.register_buffer("starts", torch.from_numpy(starts), persistent=False)
        self.register_buffer("known_users", torch.from_numpy(train.user[by_item].copy()), persistent=False)

    def loss_per_sample(self, batch: Batch) -> Tensor:
        """Return the mean of -log sigmoid(score of the item - score of a negative), and the regulariser, shape [B]."""
        shared = batch.negative[: self.negatives]
        user, item, negative = (
            torch.index_select(table.weight, 0, codes)
            for table, codes in (
                (self.user_embedding, batch.user),
                (self.item_embedding, batch.item),
                (self.item_embedding, shared),
            )
        )
        losses = softplus(user @ negative.T - (user * item).sum(1, keepdim=True))
        counts = torch.ones_like(losses).index_put_(self._known(batch.user, shared), losses.new_zeros(()))
        ranking = (losses * counts).sum(1) / counts.sum(1).clamp(min=1)
        norms = user.square().sum(1) + item.square().sum(1) + negative.square().sum(1).mean()
        return ranking + self.reg_weight / 2 * norms

    def _known(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cells of the matrix of users by items in which the user knows the item: rows and columns."""
        column, place = _spread(self.starts[items], self.starts[items + 1])
        ordered, order = users.sort()
        found = self.known_users[place]
        left, right = torch.searchsorted(ordered, found), torch.searchsorted(ordered, found, right=True)
        pair, row = _spread(left, right)
        return order[row], column[pair]


def _spread(starts: Tensor, ends: Tensor) -> tuple[Tensor, Tensor]:
    """Return the whole numbers from each start up to its end, after one another, and which range each is of."""
    counts = ends - starts
    of = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)
    offsets = starts - (counts.cumsum(0) - counts)
    return of, torch.arange(len(of), device=counts.device) + offsets[of]
