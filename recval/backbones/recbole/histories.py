"""What a user did before: for each interaction, and for each user, the last items in the order of time."""

from __future__ import annotations

from copy import copy

import numpy as np
import torch
from torch import Tensor

from recval.data import Interactions
from recval.errors import DataError


class Histories:
    """The items that each user met, in the order of time; those of one time in the order of the table.

    Args:
        interactions: with times.
        length: how many items a history has at most; older ones are left out.

    Attributes:
        length: see above.
        rows: the rows of the table that have a history, ascending, shape [R].

    Raises:
        DataError: the interactions have no times.
    """

    def __init__(self, interactions: Interactions, length: int) -> None:
        if "time" not in interactions.table.column_names:
            raise DataError("a sequential model needs the times of interactions; name their column with time=…")
        order = np.lexsort((interactions.column("time"), interactions.user))
        ends = np.cumsum(interactions.user_counts())
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        self.length = length
        # The last entry stands for no item: the id of padding.
        self._items = torch.from_numpy(np.append(interactions.item[order] + 1, 0))
        self._place = torch.from_numpy(place)
        self._ends = torch.from_numpy(ends)
        self._begins = torch.from_numpy(ends - interactions.user_counts())
        self._begin_of_row = self._begins[torch.from_numpy(interactions.user.copy())]
        self.rows = (self._place > self._begin_of_row).nonzero().squeeze(1)

    def before(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return what came before interactions: the items, oldest first, shape [B, length], and how many, shape [B].

        Args:
            rows: the positions of the interactions in the table, shape [B].

        Returns:
            RecBole's ids of items, 0 after the last; a history is never empty, but may consist of one 0.
        """
        return self._cut(self._begin_of_row[rows], self._place[rows])

    def before_samples(self, rows: Tensor, users: Tensor) -> tuple[Tensor, Tensor]:
        """Return what came before samples of these rows and users; all that the user did, where the row is -1."""
        return self._cut(self._begins[users], torch.where(rows >= 0, self._place[rows], self._ends[users]))

    def of(self, users: Tensor) -> tuple[Tensor, Tensor]:
        """Return all that users did, given by code, shape [U]; the result is as in `before`."""
        return self._cut(self._begins[users], self._ends[users])

    def copy(self) -> Histories:
        """Return the same histories, to be moved on their own."""
        return copy(self)

    def to(self, device: torch.device) -> Histories:
        """Move the histories to a device, and return them."""
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(self, name, value.to(device))
        return self

    def _cut(self, begins: Tensor, ends: Tensor) -> tuple[Tensor, Tensor]:
        first = torch.maximum(begins, ends - self.length).unsqueeze(1)
        places = first + torch.arange(self.length, device=first.device)
        items = self._items[torch.where(places < ends.unsqueeze(1), places, len(self._items) - 1)]
        return items, (ends - first.squeeze(1)).clamp(min=1)
