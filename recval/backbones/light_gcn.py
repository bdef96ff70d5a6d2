"""LightGCN: vectors of users and items averaged over the layers of the user-item graph, trained as BPR is.

Choose it for sparse data, where neighbours tell more than a user's own few interactions, and give it patience: it
learns slowly at first. A step passes over the whole graph, so BPR is far quicker; `precision="bfloat16"` gathers half
the bytes on a CPU, at rounded sums. The losses, gradients and state are those of RecBole's LightGCN.

Reference:
    He et al. "LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation." SIGIR 2020.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import softplus

from recval.backbones.base import Backbone, Batch
from recval.backbones.cached import WhileUnchanged
from recval.backbones.graph import Precision, UserItemGraph
from recval.backbones.propagation import Propagation
from recval.backbones.registry import model
from recval.data import Interactions
from recval.errors import ModelError


@model("LightGCN")
class LightGCN(Backbone):
    """LightGCN on the graph of the training interactions.

    Args:
        train: the interactions that make the graph.
        embedding_size: the length of a vector.
        n_layers: how far a vector travels; 0 is matrix factorisation.
        reg_weight: the weight of the norms of the batch's own vectors in the loss.
        require_pow: whether these norms are squared, and halved.
        precision: see `UserItemGraph`.
    """

    def __init__(
        self,
        train: Interactions,
        *,
        embedding_size: Annotated[int, Field(ge=1)] = 64,
        n_layers: Annotated[int, Field(ge=0)] = 2,
        reg_weight: Annotated[float, Field(ge=0)] = 1e-5,
        require_pow: bool = False,
        precision: Precision = "float32",
    ) -> None:
        super().__init__()
        self.n_users, self.n_items = len(train.users), len(train.items)
        self.reg_weight = reg_weight
        self.require_pow = require_pow
        self.user_embedding = nn.Embedding(self.n_users, embedding_size)
        self.item_embedding = nn.Embedding(self.n_items, embedding_size)
        nn.init.xavier_uniform_(self.user_embedding.weight)
        nn.init.xavier_uniform_(self.item_embedding.weight)
        self.propagation = Propagation(UserItemGraph(train, precision), n_layers)
        self._propagated = WhileUnchanged[tuple[Tensor, Tensor]]()

    def loss_per_sample(self, batch: Batch) -> Tensor:
        """Return -log sigmoid(score of the item - score of the negative) and the regulariser, shape [B]."""
        nodes = torch.cat([batch.user, batch.item + self.n_users, batch.negative + self.n_users])
        nodes, place = nodes.unique(return_inverse=True)
        propagated, own = self.propagation.at(nodes, self.user_embedding.weight, self.item_embedding.weight)
        user, item, negative = propagated.index_select(0, place).chunk(3)
        losses = softplus((user * (negative - item)).sum(1))
        return losses + self.reg_weight * self._regulariser(own.index_select(0, place)) / len(batch)

    @torch.no_grad()
    def score(self, users: Tensor) -> Tensor:
        """Return the products of the propagated vectors, shape [U, n_items]."""
        tables = self.user_embedding.weight, self.item_embedding.weight
        of_users, of_items = self._propagated(lambda: self.propagation(*tables), tables)
        return of_users[users] @ of_items.T

    def attached_score(self, users: Tensor) -> Tensor:
        """Return the same, attached to the vectors."""
        of_users, of_items = self.propagation(self.user_embedding.weight, self.item_embedding.weight)
        return of_users[users] @ of_items.T

    def user_embeddings(self, users: Tensor) -> Tensor:
        """Return the users' own vectors, before they are propagated, shape [B, embedding_size]."""
        return self.user_embedding(users)

    def item_embeddings(self, items: Tensor) -> Tensor:
        """Return the items' own vectors, before they are propagated, shape [B, embedding_size]."""
        return self.item_embedding(items)

    def recbole_state(self) -> dict[str, Tensor]:
        """Return a copy of the state as RecBole's LightGCN loads it: its row 0 is for padding, here zero."""
        return {name: torch.cat([table.new_zeros(1, table.shape[1]), table]) for name, table in self._tables().items()}

    def load_recbole_state(self, state: Mapping[str, Tensor]) -> None:
        """Load the state of RecBole's LightGCN, without the row that it keeps for padding.

        Raises:
            ModelError: the state is not that of a LightGCN with as many users, items and numbers a vector.
        """
        expected = {name: (len(table) + 1, table.shape[1]) for name, table in self._tables().items()}
        found = {name: tuple(table.shape) for name, table in state.items()}
        if found != expected:
            raise ModelError(f"the state of RecBole's LightGCN must hold {expected}, found {found}")
        self.load_state_dict({name: table[1:] for name, table in state.items()})

    def _tables(self) -> dict[str, Tensor]:
        return {
            "user_embedding.weight": self.user_embedding.weight.detach(),
            "item_embedding.weight": self.item_embedding.weight.detach(),
        }

    def _regulariser(self, own: Tensor) -> Tensor:
        """The sum of the norms of three tables: the batch's users, items and negatives, stacked in `own`."""
        squares = own.unflatten(0, (3, -1)).square().sum((1, 2))
        return squares.sum() / 2 if self.require_pow else squares.sqrt().sum()
