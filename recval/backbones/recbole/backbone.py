"""A RecBole model behind recval's interface."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from recval.backbones.base import Backbone, Batch
from recval.backbones.recbole.losses import unreduce
from recval.errors import ModelError

Side = Literal["user", "item"]

_PAIRS_AT_ONCE = 2**13
"""How many pairs of a user and an item are scored at once where a model knows no better: bounds the memory."""


class RecBoleBackbone(Backbone):
    """A general recommender of RecBole; `build` makes one.

    RecBole keeps id 0 for padding: the id of code `c` is `c + 1`, here and in the model's tables.

    Args:
        model: a RecBole model, which is taken over: its `calculate_loss` returns one loss a sample from now on.

    Attributes:
        model: the RecBole model.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.n_users = model.n_users - 1
        self.n_items = model.n_items - 1
        self.needs_training = type(model).type.name != "TRADITIONAL"
        self._has_sample_losses = unreduce(model)
        self._pointwise = model.input_type.name == "POINTWISE"
        self._ranks_all_items = not type(model).full_sort_predict.__qualname__.startswith("AbstractRecommender.")
        kept = getattr(model, "other_parameter_name", [])
        self._caches = [name for name in kept if getattr(model, name) is None]
        self._cached_for: list[Tensor] = []
        self._tables = {side: self._tables_of(side) for side in get_args(Side)}

    @property
    def name(self) -> str:
        """The model's name within RecBole."""
        return type(self.model).__name__

    def loss_per_sample(self, batch: Batch) -> Tensor:
        """Return the loss of each sample, shape [B].

        A model trained on pairs gives the loss of (user, item, negative). One trained on labelled points gives the mean
        of the losses of (user, item, 1) and (user, negative, 0). The mean over the batch is RecBole's own loss.

        Raises:
            ModelError: the model's loss is not a mean over samples, or needs more than triplets.
        """
        if not self._has_sample_losses:
            raise ModelError(
                f"RecBole's {self.name} gives no losses per sample, so it cannot be trained on triplets; "
                f"choose one that does, such as BPR, NeuMF or LightGCN"
            )
        try:
            losses = self.model.calculate_loss(self._rows(batch))
        except KeyError as error:
            raise ModelError(f"RecBole's {self.name} asks its samples for {error}, which triplets lack") from error
        if losses.shape == (2 * len(batch),):
            losses = losses.reshape(2, len(batch)).mean(0)
        if losses.shape != (len(batch),):
            raise ModelError(
                f"RecBole's {self.name} gives no losses per sample: {len(batch)} samples gave a loss of shape "
                f"{tuple(losses.shape)}"
            )
        return losses

    @torch.no_grad()
    def score(self, users: Tensor) -> Tensor:
        """Return the scores of all items for each user, shape [U, n_items], in the present mode (training or not)."""
        self._drop_stale_caches()
        if not self._ranks_all_items:
            return self._score_pairs(users)
        scores = self.model.full_sort_predict({self.model.USER_ID: users + 1})
        return scores.reshape(len(users), self.n_items + 1)[:, 1:]

    def user_embeddings(self, users: Tensor) -> Tensor:
        """Return the rows of the embedding tables of users, shape [B, Fu].

        Raises:
            ModelError: the model has no such table.
        """
        return self._looked_up("user", users)

    def item_embeddings(self, items: Tensor) -> Tensor:
        """Return the rows of the embedding tables of items, shape [B, Fi].

        Raises:
            ModelError: the model has no such table.
        """
        return self._looked_up("item", items)

    def _looked_up(self, side: Side, codes: Tensor) -> Tensor:
        tables = self._tables[side]
        if not tables:
            raise ModelError(f"RecBole's {self.name} has no embeddings of {side}s")
        found = [table(codes + 1) for table in tables]
        return found[0] if len(found) == 1 else torch.cat(found, dim=1)

    def _rows(self, batch: Batch) -> dict[str, Tensor]:
        """The samples as RecBole's models take them: a column for each field they look up."""
        user, item, negative = batch.user + 1, batch.item + 1, batch.negative + 1
        if not self._pointwise:
            return {self.model.USER_ID: user, self.model.ITEM_ID: item, self.model.NEG_ITEM_ID: negative}
        label = next(self.parameters()).new_zeros(2 * len(batch))
        label[: len(batch)] = 1
        return {
            self.model.USER_ID: torch.cat([user, user]),
            self.model.ITEM_ID: torch.cat([item, negative]),
            self.model.LABEL: label,
        }

    def _score_pairs(self, users: Tensor) -> Tensor:
        """Score every pair by `predict`, a bounded number at once."""
        pairs = torch.arange(len(users) * self.n_items, device=users.device)
        scores = [
            self.model.predict(
                {self.model.USER_ID: users[block // self.n_items] + 1, self.model.ITEM_ID: block % self.n_items + 1}
            )
            for block in pairs.split(_PAIRS_AT_ONCE)
        ]
        return torch.cat(scores).reshape(len(users), self.n_items)

    def _drop_stale_caches(self) -> None:
        """Forget the propagated embeddings that a model keeps between scorings, unless nothing has changed since.

        The parameters themselves are compared: neither their versions nor their addresses tell of every way of
        writing to them. Dropout makes what was cached while training useless.
        """
        if not self._caches:
            return
        now = [parameter.detach() for parameter in self.model.parameters()]
        if self.model.training or not self._cached_for or not all(map(torch.equal, now, self._cached_for)):
            for name in self._caches:
                setattr(self.model, name, None)
            self._cached_for = [] if self.model.training else [parameter.clone() for parameter in now]

    def _tables_of(self, side: Side) -> list[nn.Embedding]:
        """The embedding tables with a row for each user, or for each item; by name where the two numbers are equal."""
        rows = {"user": self.n_users + 1, "item": self.n_items + 1}[side]
        return [
            module
            for name, module in self.model.named_modules()
            if isinstance(module, nn.Embedding)
            and module.num_embeddings == rows
            and (self.n_users != self.n_items or side in name)
        ]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> RecBoleBackbone:
        """Convert or move the model, and with it the graphs and histories that RecBole keeps outside of buffers."""
        super()._apply(fn, recurse)
        self._cached_for = []
        for module in self.model.modules():
            attributes = vars(module)
            attributes.update({name: _converted(value, fn) for name, value in attributes.items()})
            if "device" in attributes:
                attributes["device"] = next(self.parameters()).device
        return self


def _converted(value: Any, fn: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor) and not isinstance(value, nn.Parameter):
        return fn(value)
    if type(value) in (list, tuple):
        return type(value)(_converted(element, fn) for element in value)
    return value
