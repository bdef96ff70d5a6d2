"""Matrix factorisation: what models share whose score is the product of a user's and an item's vector."""

from __future__ import annotations

from abc import ABC

import torch
from torch import Tensor, nn

from recval.backbones.base import Backbone
from recval.data import Interactions


class MatrixFactorisation(Backbone, ABC):
    """A vector for each user and item; the score of a pair is their product. How they are learnt is the subclass's.

    Args:
        train: the interactions, of which only the numbers of users and items are looked at.
        embedding_size: the length of a vector.
        initial_deviation: the standard deviation of the initial numbers.
    """

    def __init__(self, train: Interactions, embedding_size: int, initial_deviation: float) -> None:
        super().__init__()
        self.n_users, self.n_items = len(train.users), len(train.items)
        self.user_embedding = nn.Embedding(self.n_users, embedding_size)
        self.item_embedding = nn.Embedding(self.n_items, embedding_size)
        nn.init.normal_(self.user_embedding.weight, std=initial_deviation)
        nn.init.normal_(self.item_embedding.weight, std=initial_deviation)

    @torch.no_grad()
    def score(self, users: Tensor) -> Tensor:
        """Return the products of the vectors, shape [U, n_items]."""
        return self.attached_score(users)

    def attached_score(self, users: Tensor) -> Tensor:
        """Return the same, attached to the vectors."""
        return self.user_embedding(users) @ self.item_embedding.weight.T

    def user_embeddings(self, users: Tensor) -> Tensor:
        """Return the users' vectors, shape [B, embedding_size]."""
        return self.user_embedding(users)

    def item_embeddings(self, items: Tensor) -> Tensor:
        """Return the items' vectors, shape [B, embedding_size]."""
        return self.item_embedding(items)
