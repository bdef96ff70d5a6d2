"""UltraGCN: what infinitely many layers of graph convolution converge to, as a loss on plain vectors.

With e the vectors, s a product of two of them, d the degrees in the user-item graph, and G the co-occurrences of items,
the loss of a user u, an item i and R negatives j is

    (w1 + w2 beta_ui) l(s_ui) + negative_weight mean_j (w3 + w4 beta_uj) l(-s_uj) + gamma sum_k omega_ik l(s_uk),

    l(s) = -log sigmoid(s),  beta_ui = sqrt((d_u + 1) / (d_i + 1)) / d_u,
    omega_ik = G_ik / (g_i - G_ii) sqrt(g_i / g_k),

where k runs over the K items with the largest omega_ik, and g are the row sums of G. The paper's L_O is w1 and w3, its
lambda L_C is w2 and w4, its gamma L_I is the last sum.

Choose it where LightGCN is too slow: a step costs as much as one of matrix factorisation with R negatives, whatever the
size of the graph. It needs many negatives (hundreds), and R x batch x embedding_size numbers of memory for them.

Reference:
    Mao et al. "UltraGCN: Ultra Simplification of Graph Convolutional Networks for Recommendation." CIKM 2021.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from scipy import sparse
from torch import Tensor
from torch.nn.functional import softplus

from recval.backbones.base import Batch
from recval.backbones.matrix_factorisation import MatrixFactorisation
from recval.backbones.registry import model
from recval.data import Interactions

_CELLS_AT_ONCE = 2**24
"""How many co-occurrences are held at once while neighbours are found: bounds the memory."""

Weight = Annotated[float, Field(ge=0)]


@model("UltraGCN")
class UltraGCN(MatrixFactorisation):
    """UltraGCN on the training interactions; repeated ones count once.

    Args:
        train: the interactions that make the graphs.
        embedding_size: the length of a vector.
        w1: the weight of an interaction.
        w2: the weight of an interaction's beta.
        w3: the weight of a negative.
        w4: the weight of a negative's beta.
        negative_num: R. The first negative is the batch's; the others are drawn from all items, alike and from torch's
            global generator, so that an item that the user met may be among them.
        negative_weight: the weight of the negatives together.
        ii_neighbor_num: K.
        gamma: the weight of the item-item loss.
        reg_weight: the weight of half the squares of all vectors, divided by the size of the batch.
        initial_weight: the standard deviation of the initial vectors.
    """

    user_beta: Tensor
    item_beta: Tensor
    neighbours: Tensor
    omega: Tensor

    def __init__(
        self,
        train: Interactions,
        *,
        embedding_size: Annotated[int, Field(ge=1)] = 64,
        w1: Weight = 1e-6,
        w2: Weight = 1.0,
        w3: Weight = 1e-6,
        w4: Weight = 1.0,
        negative_num: Annotated[int, Field(ge=1)] = 200,
        negative_weight: Weight = 200.0,
        ii_neighbor_num: Annotated[int, Field(ge=1)] = 10,
        gamma: Weight = 1e-4,
        reg_weight: Weight = 1e-4,
        initial_weight: Annotated[float, Field(gt=0)] = 1e-3,
    ) -> None:
        super().__init__(train, embedding_size, initial_weight)
        self.w1, self.w2, self.w3, self.w4 = w1, w2, w3, w4
        self.negative_num, self.negative_weight = negative_num, negative_weight
        self.gamma, self.reg_weight = gamma, reg_weight
        self._add_graph(train, ii_neighbor_num)

    def loss_per_sample(self, batch: Batch) -> Tensor:
        """Return the loss of each sample and the regulariser, shape [B]."""
        drawn = torch.randint(self.n_items, (len(batch), self.negative_num - 1), device=batch.user.device)
        negatives = torch.cat([batch.negative[:, None], drawn], dim=1)
        items = torch.cat([batch.item[:, None], negatives, self.neighbours[batch.item]], dim=1)
        user = self.user_embedding(batch.user)
        scores = (self.item_embedding(items) @ user[:, :, None]).squeeze(2)
        positive, negative, near = scores.split([1, self.negative_num, self.neighbours.shape[1]], dim=1)
        beta = self.user_beta[batch.user, None] * self.item_beta[items[:, : 1 + self.negative_num]]
        losses = (self.w1 + self.w2 * beta[:, 0]) * softplus(-positive[:, 0])
        losses = losses + self.negative_weight * ((self.w3 + self.w4 * beta[:, 1:]) * softplus(negative)).mean(1)
        losses = losses + self.gamma * (self.omega[batch.item] * softplus(-near)).sum(1)
        return losses + self.reg_weight * sum(table.square().sum() for table in self.parameters()) / 2 / len(batch)

    def _add_graph(self, train: Interactions, ii_neighbor_num: int) -> None:
        """Add beta_ui, which is a product of one factor for the user and one for the item, and the neighbours."""
        shape = (self.n_users, self.n_items)
        pairs = sparse.csr_array((np.ones(len(train)), (train.user, train.item)), shape=shape)
        pairs.data[:] = 1
        degrees = torch.from_numpy(pairs.sum(1)), torch.from_numpy(pairs.sum(0))
        neighbours, omega = _nearest(pairs, min(ii_neighbor_num, self.n_items))
        precision = self.user_embedding.weight.dtype
        graph = {
            "user_beta": ((degrees[0] + 1).sqrt() / degrees[0].clamp(min=1)).to(precision),
            "item_beta": (degrees[1] + 1).rsqrt().to(precision),
            "neighbours": neighbours,
            "omega": omega.to(precision),
        }
        for name, tensor in graph.items():
            self.register_buffer(name, tensor, persistent=False)


def _nearest(pairs: sparse.csr_array, number: int) -> tuple[Tensor, Tensor]:
    """Return the `number` items k with the largest omega_ik for each item i, and these; shapes [n_items, number]."""
    n_items = pairs.shape[1]
    total = torch.from_numpy(pairs.T @ pairs.sum(1))
    others = (total - torch.from_numpy(pairs.sum(0))).clamp(min=1)
    by_item = pairs.T.tocsr()
    found = []
    for items in torch.arange(n_items).split(max(1, _CELLS_AT_ONCE // n_items)):
        together = torch.from_numpy((by_item[items.numpy()] @ pairs).toarray())
        together[torch.arange(len(items)), items] = 0
        omega = together / others[items, None] * (total[items, None] / total.clamp(min=1)).sqrt()
        found.append(omega.topk(number))
    omegas, neighbours = zip(*found, strict=True)
    return torch.cat(neighbours), torch.cat(omegas)
