"""Backbones in closed form: complete as they are built, so that there is nothing to train."""

from __future__ import annotations

from abc import ABC
from typing import NoReturn

from recval.backbones.base import Backbone, Batch
from recval.data import Interactions
from recval.errors import DataError, ModelError


class ClosedForm(Backbone, ABC):
    """Base of backbones in closed form.

    Args:
        train: the interactions that they are built on.
    """

    needs_training = False
    has_sample_losses = False

    def __init__(self, train: Interactions) -> None:
        super().__init__()
        self.n_users, self.n_items = len(train.users), len(train.items)
        self._item_ids = train.items.ids

    def loss_per_sample(self, batch: Batch) -> NoReturn:
        """Refuse: the model is complete as it is built.

        Raises:
            ModelError: always.
        """
        raise ModelError(f"{type(self).__name__} is complete as it is built, so it has no losses to train on")

    def check_items(self, interactions: Interactions) -> None:
        """Check that interactions are with the items of the model.

        Raises:
            DataError: they are not.
        """
        if not interactions.items.ids.equals(self._item_ids):
            raise DataError(
                f"the interactions must be with the {self.n_items:,} items that {type(self).__name__} was built on, "
                f"found {len(interactions.items):,} items, some of them others or in another order"
            )
