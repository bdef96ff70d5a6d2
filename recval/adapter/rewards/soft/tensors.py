"""What soft forms know of users and items, as tensors: the context of a metric, computed once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from recval.data import Split
from recval.ranking import ItemSets
from recval.ranking.context import Context
from recval.ranking.metrics.tail_share import long_tail


class ContextTensors:
    """The tensors of a split, on one device; each is made when a form first asks for it, and kept.

    Args:
        split: whose users, items and training interactions.
        device: where the tensors are.

    Attributes:
        truth: what is held out for each user: the validation part.
        seen: what is in no list of each user: the training part.
        context: the same as for metrics.
    """

    def __init__(self, split: Split, device: torch.device | str = "cpu") -> None:
        self.truth, self.seen = ItemSets.of(split.valid), ItemSets.of(split.train)
        self.context = Context(split.users, split.items, self.truth, self.seen, split.train)
        self._device = device
        self._kept: dict[tuple[str, str], Tensor] = {}

    @property
    def n_items(self) -> int:
        """The size of the catalogue."""
        return self.context.n_items

    @property
    def popularity(self) -> Tensor:
        """The number of training interactions of each item, shape [n_items]."""
        return self._once("popularity", "", lambda: self.context.popularity)

    @property
    def n_train_users(self) -> int:
        """The number of users with a training interaction."""
        return self.context.n_train_users

    @property
    def long_tail(self) -> Tensor:
        """Whether each item is in the long tail, shape [n_items]."""
        return self._once("tail", "", lambda: long_tail(self.context.popularity))

    def categories(self, field: str) -> Tensor:
        """The categories of each item by a field, as ones, shape [n_items, n_categories]."""
        return self._once("categories", field, lambda: self.context.categories(field))

    def directions(self, field: str) -> Tensor:
        """A vector of length 1 for each item, or of zeros where nothing is known of it, shape [n_items, d]."""
        return self._once("directions", field, lambda: self.context.directions(field))

    def user_groups(self, field: str) -> Tensor:
        """The group of each user: codes from 0, -1 where there is none, shape [n_users]."""
        return self._once("groups", field, lambda: self.context.user_groups(field))

    def _once(self, kind: str, name: str, compute: Callable[[], Any]) -> Tensor:
        if (kind, name) not in self._kept:
            found = compute()
            array = found.toarray() if sparse.issparse(found) else np.asarray(found)
            tensor = torch.from_numpy(array).to(self._device)
            self._kept[kind, name] = tensor.float() if tensor.is_floating_point() else tensor
        return self._kept[kind, name]
