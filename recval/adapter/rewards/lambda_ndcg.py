"""lambda-ndcg@K: a validation loss of pairs whose gradient ascends NDCG@K.

Source: LambdaRank: Burges, Ragno and Le, "Learning to rank with nonsmooth cost functions", NIPS 2006.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from recval.adapter.rewards.validation import ValidationUsers, evaluating
from recval.backbones import Backbone, Batch
from recval.data import Split
from recval.ranking import ItemSets, top_k
from recval.ranking.top_k import Recommendations

PAIRS_DEPTH = 5
"""Negatives are drawn from the first `PAIRS_DEPTH * K` items of a user's ranking."""


class LambdaNDCG:
    """Minus the validation loss of pairs (i, j), weighted by the change in NDCG@K when i and j swap ranks.

    For a held-out item i at rank r_i and an item j, not held out, at rank r_j in the user's current ranking,

        lambda_ij = |d(r_i) - d(r_j)| / IDCG_u,    d(r) = 1/log2(r + 1) if r <= K else 0,

    each held-out item is paired with one j drawn in proportion to lambda_ij, and the loss of the triplet (u, i, j)
    weighs the sum of its item's lambdas. Ranks and weights are constants of the gradient.

    Args:
        split: where the users and their held-out items come from.
        k: the cut-off K.
        users: users a call.
        device: where to compute.
    """

    def __init__(self, split: Split, k: int, *, users: int, device: str = "cpu") -> None:
        self._truth = ItemSets.of(split.valid)
        self._seen = ItemSets.of(split.train)
        self._users = ValidationUsers(split, users)
        self._k, self._device = k, device

    def __call__(self, backbone: Backbone, generator: torch.Generator) -> Tensor:
        """Return minus the mean weighted loss over the users of a fresh sample."""
        users = self._users.fresh(generator)
        batch, weights = self._pairs(backbone, users, generator)
        if len(batch) == 0:
            return 0 * torch.stack([parameter.sum() for parameter in backbone.parameters()]).sum()
        return -(weights * backbone.loss_per_sample(batch)).sum() / len(users)

    def _pairs(self, backbone: Backbone, users: np.ndarray, generator: torch.Generator) -> tuple[Batch, Tensor]:
        """Return one pair for each held-out item of the users, and its weight, shape [P]."""
        with evaluating(backbone):
            ranking = top_k(backbone.score, users, self._seen, PAIRS_DEPTH * self._k, device=self._device)
        position, item = self._truth.cells(users)
        weights = self._lambdas(ranking, position, item)
        total = weights.sum(axis=1)
        usable = total > 0
        position, item, weights, total = position[usable], item[usable], weights[usable], total[usable]
        drawn = torch.rand(len(total), 1, generator=generator, dtype=torch.float64).numpy() * total[:, None]
        column = np.minimum((weights.cumsum(axis=1) <= drawn).sum(axis=1), weights.shape[1] - 1)
        columns = (np.full_like(position, -1), users[position], item, ranking.items[position, column])
        batch = Batch(*map(torch.from_numpy, columns))
        return batch.to(self._device), torch.from_numpy(total).float().to(self._device)

    def _lambdas(self, ranking: Recommendations, position: np.ndarray, item: np.ndarray) -> np.ndarray:
        """Return lambda_ij of each held-out item against each ranked item, 0 where that is no negative: [P, depth]."""
        depth = ranking.items.shape[1]
        discounts = np.where(np.arange(depth) < self._k, 1 / np.log2(np.arange(2, depth + 2)), 0.0)
        ideal = np.cumsum(discounts)[np.minimum(self._truth.counts[ranking.users], depth) - 1]
        own_rank = ranking.items[position] == item[:, None]
        own_discount = (own_rank * discounts).sum(axis=1, keepdims=True)
        negative = (ranking.items >= 0) & ~self._truth.contains(ranking.users, ranking.items)
        return np.abs(own_discount - discounts) * negative[position] / ideal[position, None]
