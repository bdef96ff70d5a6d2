"""What the rest of recval asks of a recommender."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Training samples: each a triplet (user, positive item, negative item). All tensors have shape [B], int64.

    Attributes:
        row: the position of the sample's interaction in the training table.
        user: the user's code.
        item: the code of the item that the user interacted with.
        negative: the code of an item that the user did not interact with in training.
    """

    row: Tensor
    user: Tensor
    item: Tensor
    negative: Tensor

    def __len__(self) -> int:
        return self.row.shape[0]

    def __getitem__(self, index: slice | Tensor) -> Batch:
        return Batch(self.row[index], self.user[index], self.item[index], self.negative[index])

    def to(self, device: torch.device | str) -> Batch:
        """Return the batch on a device."""
        return Batch(self.row.to(device), self.user.to(device), self.item.to(device), self.negative.to(device))


class Backbone(torch.nn.Module, ABC):
    """A recommender that can be trained on weighted samples and ranks all items for a user.

    Attributes:
        n_users: number of users.
        n_items: number of items.
        needs_training: False where the model is complete as it is built (EASE, ItemKNN, Pop).
    """

    n_users: int
    n_items: int
    needs_training: bool = True

    @abstractmethod
    def loss_per_sample(self, batch: Batch) -> Tensor:
        """Return the loss of each sample, shape [B], attached to the parameters.

        Its mean is the loss that the model is trained on when all samples weigh the same. A term that belongs
        to no sample, such as a regulariser, is added to every sample alike.
        """

    @abstractmethod
    def score(self, users: Tensor) -> Tensor:
        """Return the scores of all items for the users given by code, shape [U, n_items]; higher is better."""

    @abstractmethod
    def user_embeddings(self, users: Tensor) -> Tensor:
        """Return the model's vectors of users given by code, shape [B, Fu]; several tables are concatenated."""

    @abstractmethod
    def item_embeddings(self, items: Tensor) -> Tensor:
        """Return the model's vectors of items given by code, shape [B, Fi]; several tables are concatenated."""
