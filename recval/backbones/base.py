"""What the rest of recval asks of a recommender."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from recval.data import Interactions
from recval.errors import ModelError
from recval.ranking import Scorer

Weigh = Callable[[Tensor], Tensor | None]
"""From the losses of samples to their weights; see `SelfTraining.step`."""


@dataclass(frozen=True)
class Batch:
    """Training samples: each a triplet (user, positive item, negative item). All tensors have shape [B], int64.

    Attributes:
        row: the position of the sample's interaction in the training table; -1 for one that is not in it, which models
            that read histories take for later than all that the user did there.
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
    """A recommender that can be trained on samples and ranks all items for a user.

    Attributes:
        n_users: number of users.
        n_items: number of items.
        needs_training: False where the model is complete as it is built (EASE, ItemKNN, Pop).
        has_sample_losses: False where the loss is one of the whole batch, so that samples cannot be weighed.
        reads_history: True where scores follow from what a user did last (sequential models), so that later
            interactions change them without any training; see `fold_in`.
        rows: the rows of the training table that are samples, shape [R], int64; None for all.
        origin: the name and the parameters that it was built with; empty where it was not built by name.
    """

    n_users: int
    n_items: int
    needs_training: bool = True
    has_sample_losses: bool = True
    reads_history: bool = False
    rows: Tensor | None = None
    origin: Mapping[str, Any] = MappingProxyType({})

    @abstractmethod
    def loss_per_sample(self, batch: Batch) -> Tensor:
        """Return the loss of each sample, shape [B], attached to the parameters.

        Its mean is the loss that the model is trained on when all samples weigh the same. A term that belongs
        to no sample, such as a regulariser, is added to every sample alike; so is the whole loss of a model
        without losses per sample.
        """

    def slopes_along(self, direction: Sequence[Tensor]) -> Callable[[Batch], Tensor] | None:
        """Return what gives how each sample's loss changes along a direction in parameter space, <grad l_m, d>, [B].

        By default None: the model knows no way that is quicker than differentiating (`recval.adapter.derivatives`).

        Args:
            direction: d, a tensor for each of `parameters()`.
        """
        return None

    @abstractmethod
    def score(self, users: Tensor) -> Tensor:
        """Return the scores of all items for the users given by code, shape [U, n_items]; higher is better."""

    def attached_score(self, users: Tensor) -> Tensor:
        """Return the same scores, attached to the parameters; a model overrides it whose `score` is not."""
        return self.score(users)

    def start_epoch(self, epoch: int) -> None:
        """Prepare for epoch `epoch` (from 0), with torch's global generator seeded for it; by default not at all."""
        return

    def fold_in(self, interactions: Interactions) -> Scorer:
        """Return a scorer for the users of other interactions with the same items, by what these users did.

        Args:
            interactions: of any users; the items are the model's.

        Raises:
            ModelError: the model knows users by what it learnt of each, not by their interactions.
        """
        raise ModelError(f"{type(self).__name__} knows only the users that it was trained on; choose EASE, for example")

    @abstractmethod
    def user_embeddings(self, users: Tensor) -> Tensor:
        """Return the model's vectors of users given by code, shape [B, Fu]; several tables are concatenated."""

    @abstractmethod
    def item_embeddings(self, items: Tensor) -> Tensor:
        """Return the model's vectors of items given by code, shape [B, Fi]; several tables are concatenated."""


class SelfTraining(Backbone):
    """A backbone that takes its training steps itself, for code that is faster than a graph and an optimiser.

    What its steps remember, such as the squares of gradients, lies in buffers, so that every checkpoint holds it.
    """

    @abstractmethod
    def step(self, batch: Batch, weigh: Weigh, learning_rate: float, weight_decay: float) -> Tensor:
        """Take a step on the mean of the weighted losses, and return the losses before it, shape [B], without a graph.

        Args:
            batch: the samples.
            weigh: gives the samples' weights, shape [B], for their losses, shape [B]; None for equal weights.
            learning_rate: the step size, in the sense of the backbone's own rule.
            weight_decay: the weight of the L2 penalty, in the same sense.
        """
