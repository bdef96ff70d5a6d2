"""A RecBole model behind recval's interface."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import torch
from torch import Tensor

from recval import rng
from recval.backbones.base import Backbone, Batch
from recval.backbones.recbole import repairs
from recval.backbones.recbole.caches import Caches
from recval.backbones.recbole.folding import folded
from recval.backbones.recbole.losses import unreduce
from recval.backbones.recbole.rankings import ranks_by_tables, scores_by_tables
from recval.backbones.recbole.schedules import Loss, loss_of_epoch
from recval.backbones.recbole.settings import Settings
from recval.backbones.recbole.tables import Side, convert_loose_tensors, embedding_tables, keep_counters
from recval.data import Interactions
from recval.errors import DataError, ModelError
from recval.ranking import Scorer

if TYPE_CHECKING:
    from recval.backbones.recbole.dataset import TrainingSet

_PAIRS_AT_ONCE = 2**13
"""How many pairs of a user and an item are scored at once where a model knows no better: bounds the memory."""

_COMPLETE_AS_BUILT = {"NCEPLRec"}
"""Models that RecBole would train, but whose training changes nothing."""

_DRAW_THEIR_SCORES = {"ADMMSLIM", "KTUP", "Random"}
"""Models with noise in their scores: the same in each call."""


class RecBoleBackbone(Backbone):
    """A general recommender of RecBole; `build` makes one.

    RecBole keeps id 0 for padding: the id of code `c` is `c + 1`, here and in the model's tables.

    A model whose sample is a whole user, such as an auto-encoder, meets each user once an epoch: `rows` holds the
    first interaction of each.

    Args:
        model: a RecBole model, which is taken over: where it has losses per sample, its `calculate_loss` returns them
            from now on.
        dataset: what the model was built on, with the settings that it was built with.
        sample_losses: False to leave its loss one of the whole batch, even if it could be taken apart.

    Attributes:
        model: the RecBole model.
        settings: its settings.
    """

    def __init__(self, model: Any, dataset: TrainingSet, *, sample_losses: bool = True) -> None:
        super().__init__()
        train = dataset.interactions
        self.model = model
        self.settings: Settings = dataset.config
        keep_counters(model)
        self.n_users, self.n_items = len(train.users), len(train.items)
        self.needs_training = type(model).type.name != "TRADITIONAL" and self.name not in _COMPLETE_AS_BUILT
        self.has_sample_losses = self.needs_training and sample_losses and unreduce(model)
        self._items = train.items.ids
        # What RecBole trains by the loss CE or BPR of one positive takes no labels, whatever input it declares.
        kind = getattr(getattr(model, "input_type", None), "name", "PAIRWISE")
        self._pointwise = kind == "POINTWISE" and self.settings["loss_type"] not in ("BPR", "CE")
        if _learns_by_user(model):
            self.rows = torch.from_numpy(np.unique(train.user, return_index=True)[1])
        self._ranks_all_items = not type(model).full_sort_predict.__qualname__.startswith("AbstractRecommender.")
        self._caches = Caches(model)
        self._tables = {side: embedding_tables(model, side, self.n_users, self.n_items) for side in get_args(Side)}
        self._loss: Loss | None = None
        self._is_warming_up = False

    @property
    def name(self) -> str:
        """The model's name within RecBole."""
        return type(self.model).__name__

    def start_epoch(self, epoch: int) -> None:
        """Do what RecBole's trainer of the model does before an epoch; see `recval.backbones.recbole.schedules`."""
        self._loss = loss_of_epoch(self.model, self.settings, epoch)
        self._is_warming_up = epoch < (self.settings["warm_up_step"] or 0)

    def loss_per_sample(self, batch: Batch) -> Tensor:
        """Return the loss of each sample, shape [B]; its mean is RecBole's own loss.

        A model trained on pairs gives the loss of (user, item, negative). One trained on labelled points gives the mean
        of the losses of (user, item, 1) and (user, negative, 0). One without losses per sample gives the loss of the
        batch for every sample.

        Raises:
            ModelError: the model is complete as it is built, or needs more than triplets.
        """
        if not self.needs_training:
            raise ModelError(f"RecBole's {self.name} is complete as it is built, so it has no losses to train on")
        try:
            return self.losses_of(self._rows(batch), len(batch))
        except KeyError as error:
            raise ModelError(f"RecBole's {self.name} asks its samples for {error}, which triplets lack") from error

    def slopes_along(self, direction: Sequence[Tensor]) -> Callable[[Batch], Tensor] | None:
        """Return what gives how samples' losses change along a direction of BPR's tables; None for other models."""
        if type(self.model).__module__ != "recbole.model.general_recommender.bpr":
            return None
        # The compiler takes time to load, and few trainings need it.
        from recval.backbones.margin_slopes import margin_slopes

        tables = self.model.user_embedding.weight, self.model.item_embedding.weight
        return margin_slopes(tables, direction, gamma=self.model.loss.gamma, padding=1)

    def losses_of(self, rows: Any, size: int) -> Tensor:
        """Return the losses of samples in RecBole's own form, shape [size]; see `loss_per_sample`.

        Args:
            rows: the columns that the model looks up.
            size: the number of samples; labelled pairs are a multiple, interactions first.

        Raises:
            ModelError: the losses are not one a sample.
        """
        if self._loss is None:
            self.start_epoch(0)
        found = self._loss(rows)  # type: ignore[misc]
        losses = self._total(found) if isinstance(found, tuple) else found
        if not self.has_sample_losses:
            return losses.reshape(()).expand(size)
        if losses.ndim == 1 and len(losses) > size and len(losses) % size == 0:
            losses = losses.reshape(-1, size).mean(0)
        elif losses.shape == (size, 1):
            losses = losses.squeeze(1)
        if losses.shape != (size,):
            raise ModelError(
                f"RecBole's {self.name} gives no losses per sample: {size} samples gave a loss of shape "
                f"{tuple(losses.shape)}"
            )
        return losses

    @torch.no_grad()
    def score(self, users: Tensor) -> Tensor:
        """Return the scores of all items for each user, shape [U, n_items], in the present mode (training or not)."""
        self._caches.drop_stale()
        return self._score_training_users(users)

    def attached_score(self, users: Tensor) -> Tensor:
        """Return the same, attached to the parameters; nothing is kept for the next scoring."""
        self._caches.drop()
        scores = self._score_training_users(users)
        self._caches.drop()
        return scores

    def fold_in(self, interactions: Interactions) -> Scorer:
        """Return a scorer for the users of other interactions with the same items, by what these users did.

        Raises:
            DataError: the items are not those that the model was built on.
            ModelError: the model knows users by what it learnt of each, not by their interactions.
        """
        self._check_items(interactions)
        with repairs.quiet():
            twin = folded(self.model, self.settings, interactions)
        if twin is None:
            raise ModelError(
                f"RecBole's {self.name} knows only the users that it was trained on; choose EASE, for example"
            )
        return torch.no_grad()(lambda users: self._scores_by(twin, users))

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

    def _total(self, terms: tuple[Tensor, ...]) -> Tensor:
        """Return the sum of a loss's terms; the last one waits until warming up is over."""
        return sum(terms[:-1] if self._is_warming_up else terms)  # type: ignore[return-value]

    def _rows(self, batch: Batch) -> Any:
        """The samples as RecBole's models take them: a column for each field they look up."""
        user, item, negative = batch.user + 1, batch.item + 1, batch.negative + 1
        if not self._pointwise:
            return {self.model.USER_ID: user, self.model.ITEM_ID: item, self.model.NEG_ITEM_ID: negative}
        return self._points(torch.cat([user, user]), torch.cat([item, negative]))

    def _points(self, users: Tensor, items: Tensor) -> dict[str, Tensor]:
        """Labelled pairs of RecBole's ids: the first half are interactions, the second half negatives."""
        label = next(self.parameters()).new_zeros(len(users))
        label[: len(users) // 2] = 1
        return {**self._pairs(users, items), self.settings["LABEL_FIELD"]: label}

    def _pairs(self, users: Tensor, items: Tensor) -> dict[str, Tensor]:
        """Pairs of RecBole's ids as `predict` takes them."""
        return {self.settings["USER_ID_FIELD"]: users, self.settings["ITEM_ID_FIELD"]: items}

    def _score_training_users(self, users: Tensor) -> Tensor:
        if self.name in _DRAW_THEIR_SCORES:
            with rng.isolated(self.settings["seed"], "score"):
                return self._scored(users)
        return self._scored(users)

    def _scored(self, users: Tensor) -> Tensor:
        if self._ranks_all_items:
            return self._scores_by(self.model, users)
        if ranks_by_tables(self.model):
            return scores_by_tables(self.model, users + 1)[:, 1:]
        return self._score_pairs(users)

    def _scores_by(self, model: Any, users: Tensor) -> Tensor:
        scores = model.full_sort_predict({model.USER_ID: users + 1})
        return scores.reshape(len(users), self.n_items + 1)[:, 1:]

    def _score_pairs(self, users: Tensor) -> Tensor:
        """Score every pair by `predict`, a bounded number at once."""
        pairs = torch.arange(len(users) * self.n_items, device=users.device)
        scores = [
            self.model.predict(self._pairs(users[block // self.n_items] + 1, block % self.n_items + 1)).reshape(-1)
            for block in pairs.split(_PAIRS_AT_ONCE)
        ]
        return torch.cat(scores).reshape(len(users), self.n_items)

    def _check_items(self, interactions: Interactions) -> None:
        if not interactions.items.ids.equals(self._items):
            raise DataError(
                f"the interactions to score by must have the items that {self.name} was built on: found "
                f"{len(interactions.items):,} items, expected {self.n_items:,}"
            )

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> RecBoleBackbone:
        """Convert or move the model, and with it the graphs and histories that RecBole keeps outside of buffers."""
        super()._apply(fn, recurse)
        self._caches.drop()
        if self.rows is not None:
            self.rows = fn(self.rows)
        convert_loose_tensors(self.model, fn)
        return self


def _learns_by_user(model: Any) -> bool:
    """Return whether a sample of the model is a whole user."""
    from recbole.model.abstract_recommender import AutoEncoderMixin

    return isinstance(model, AutoEncoderMixin) or any(base.__name__ == "ENMF" for base in type(model).__mro__)
