"""Training samples: every interaction once an epoch, in random order, each with a negative item.

Order and negatives of an epoch are drawn in bulk as tensors on the device of the training interactions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from recval.backbones import Batch
from recval.data import Interactions
from recval.errors import DataError
from recval.ranking import ItemSets


class TripletSampler:
    """Draws triplets (user, positive item, negative item).

    A negative is uniform over the items that the user has no training interaction with, excluded exactly by a
    search in the sorted pairs; memory is linear in the number of interactions.

    Args:
        interactions: the positives.
        device: where the samples are drawn and live.
        exclude: further interactions whose items are no negatives of their users.

    Raises:
        DataError: a user has interacted with every item, so there is no negative.
    """

    def __init__(
        self,
        interactions: Interactions,
        device: torch.device | str = "cpu",
        *,
        exclude: Sequence[Interactions] = (),
    ) -> None:
        self.user = torch.from_numpy(interactions.user.copy()).to(device)
        self.item = torch.from_numpy(interactions.item.copy()).to(device)
        self.n_items = len(interactions.items)
        known = ItemSets.of(interactions, *exclude)
        self._pairs = torch.from_numpy(known.keys).to(device)
        _check_negatives_left(known, interactions)

    def epoch(self, batch_size: int, generator: torch.Generator) -> Iterator[Batch]:
        """Yield the batches of one epoch; the last one may be smaller."""
        device = self.user.device
        samples = self.triplets(torch.randperm(len(self.user), generator=generator, device=device), generator)
        for start in range(0, len(samples), batch_size):
            yield samples[start : start + batch_size]

    def triplets(self, rows: Tensor, generator: torch.Generator) -> Batch:
        """Return a triplet for each row of the interactions, shape [B]."""
        user = self.user[rows]
        return Batch(rows, user, self.item[rows], self.negatives(user, generator))

    def negatives(self, users: Tensor, generator: torch.Generator) -> Tensor:
        """Return a negative item for each user, shape [B]."""
        drawn = torch.empty_like(users)
        missing = torch.arange(len(users), device=users.device)
        while len(missing):
            candidates = torch.randint(self.n_items, missing.shape, generator=generator, device=users.device)
            drawn[missing] = candidates
            missing = missing[self._is_positive(users[missing], candidates)]
        return drawn

    def _is_positive(self, users: Tensor, items: Tensor) -> Tensor:
        pairs = users * self.n_items + items
        place = torch.searchsorted(self._pairs, pairs).clamp_(max=len(self._pairs) - 1)
        return self._pairs[place] == pairs


def _check_negatives_left(known: ItemSets, interactions: Interactions) -> None:
    full = known.nonempty()[known.counts[known.nonempty()] >= known.n_items]
    if len(full):
        raise DataError(
            f"user {interactions.users.names(full[:1])[0]} has an interaction with each of the {known.n_items:,} "
            "items, so there is no negative item to train against"
        )
