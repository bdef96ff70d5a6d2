"""Training samples: every interaction once an epoch, in random order, each with a negative item.

Order and negatives of an epoch are drawn in bulk as tensors on the device of the training interactions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from recval.backbones import Batch
from recval.data import Interactions
from recval.errors import DataError
from recval.ranking import ItemSets

BITMAP_BYTES = 2**28
"""How large a bitmap of all pairs of a user and an item may be: 2.1 billion pairs."""


class TripletSampler:
    """Draws triplets (user, positive item, negative item).

    A negative is uniform over the items that the user has no training interaction with. These are excluded exactly:
    looked up in a bitmap of all pairs where it fits the budget, otherwise searched in the sorted pairs, which takes
    memory linear in the number of interactions and ten times as long. The samples are the same either way.

    Args:
        interactions: the positives.
        device: where the samples are drawn and live.
        exclude: further interactions whose items are no negatives of their users.
        bitmap_bytes: how large the bitmap may be.

    Raises:
        DataError: a user has interacted with every item, so there is no negative.
    """

    def __init__(
        self,
        interactions: Interactions,
        device: torch.device | str = "cpu",
        *,
        exclude: Sequence[Interactions] = (),
        bitmap_bytes: int = BITMAP_BYTES,
    ) -> None:
        self.user = torch.from_numpy(interactions.user.copy()).to(device)
        self.item = torch.from_numpy(interactions.item.copy()).to(device)
        self.n_items = len(interactions.items)
        known = ItemSets.of(interactions, *exclude)
        _check_negatives_left(known, interactions)
        self._has_bitmap = known.n_users * known.n_items <= 8 * bitmap_bytes
        self._known = (_bitmap(known) if self._has_bitmap else torch.from_numpy(known.keys)).to(device)

    def epoch(self, batch_size: int, generator: torch.Generator, rows: Tensor | None = None) -> Iterator[Batch]:
        """Yield the batches of one epoch; the last one may be smaller.

        Args:
            batch_size: samples a batch.
            generator: the source of order and negatives.
            rows: the rows that are samples, shape [R]; all by default.
        """
        device = self.user.device
        order = torch.randperm(len(self.user) if rows is None else len(rows), generator=generator, device=device)
        samples = self.triplets(order if rows is None else rows[order], generator)
        for start in range(0, len(samples), batch_size):
            yield samples[start : start + batch_size]

    def triplets(self, rows: Tensor, generator: torch.Generator) -> Batch:
        """Return a triplet for each row of the interactions, shape [B]."""
        user = self.user.index_select(0, rows)
        return Batch(rows, user, self.item.index_select(0, rows), self.negatives(user, generator))

    def negatives(self, users: Tensor, generator: torch.Generator, odds: Tensor | None = None) -> Tensor:
        """Return a negative item for each user, shape [B].

        Args:
            users: the users, shape [B].
            generator: the source of randomness.
            odds: how likely each item is against the others, above 0, shape [n_items]; by default all alike.
        """
        drawn = self._items(len(users), generator, odds)
        wrong = self._is_positive(users, drawn).nonzero().squeeze(1)
        while len(wrong):
            again = self._items(len(wrong), generator, odds)
            drawn[wrong] = again
            wrong = wrong[self._is_positive(users[wrong], again)]
        return drawn

    def _items(self, number: int, generator: torch.Generator, odds: Tensor | None) -> Tensor:
        if odds is None:
            return torch.randint(self.n_items, (number,), generator=generator, device=self.user.device)
        return torch.multinomial(odds, number, replacement=True, generator=generator)

    def _is_positive(self, users: Tensor, items: Tensor) -> Tensor:
        pairs = torch.add(items, users, alpha=self.n_items)
        if self._has_bitmap:
            bit = self._known.index_select(0, pairs >> 3) >> (pairs.to(torch.uint8) & 7)
            return bit.bitwise_and_(1).view(torch.bool)
        place = torch.searchsorted(self._known, pairs).clamp_(max=len(self._known) - 1)
        return self._known[place] == pairs


def _bitmap(known: ItemSets) -> Tensor:
    """Return a bit for each pair: that of the key `k` is bit `k % 8` of byte `k // 8`."""
    bitmap = np.zeros((known.n_users * known.n_items + 7) // 8, np.uint8)
    byte = known.keys >> 3
    first = np.flatnonzero(np.diff(byte, prepend=-1))
    bitmap[byte[first]] = np.bitwise_or.reduceat(np.left_shift(1, known.keys & 7).astype(np.uint8), first)
    return torch.from_numpy(bitmap)


def _check_negatives_left(known: ItemSets, interactions: Interactions) -> None:
    full = known.nonempty()[known.counts[known.nonempty()] >= known.n_items]
    if len(full):
        raise DataError(
            f"user {interactions.users.names(full[:1])[0]} has an interaction with each of the {known.n_items:,} "
            "items, so there is no negative item to train against"
        )
