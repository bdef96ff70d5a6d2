"""RecBole's sequential recommenders: what a user did before an interaction predicts its item."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from recval.backbones.base import Batch
from recval.backbones.recbole.backbone import RecBoleBackbone
from recval.backbones.recbole.histories import Histories
from recval.data import Interactions
from recval.errors import ModelError
from recval.ranking import Scorer

if TYPE_CHECKING:
    from recval.backbones.recbole.dataset import SequenceSet

_USERS_AT_ONCE = 2**9
"""How many users are scored at once: attention over histories takes much memory."""

_PAIRS_AT_ONCE = 2**11
"""How many pairs of a history and an item are scored at once where a model knows no better."""


class SequentialBackbone(RecBoleBackbone):
    """A sequential recommender of RecBole; `build` makes one.

    A sample is an interaction with a history: the items that its user met before, oldest first. Users are scored by
    their training interactions; see `fold_in` for others. A user without any is scored by a history of padding.

    Args:
        model: as in `RecBoleBackbone`.
        dataset: as in `RecBoleBackbone`, with histories.
        sample_losses: as in `RecBoleBackbone`.
    """

    reads_history = True

    def __init__(self, model: Any, dataset: SequenceSet, *, sample_losses: bool = True) -> None:
        super().__init__(model, dataset, sample_losses=sample_losses)
        self._histories = dataset.histories.copy()
        self.rows = self._histories.rows
        self._users = dataset.interactions.users.ids

    @torch.no_grad()
    def score(self, users: Tensor) -> Tensor:
        """Return the scores of all items for each user by its training interactions, shape [U, n_items]."""
        return self._score_training_users(users)

    def _score_training_users(self, users: Tensor) -> Tensor:
        return self._score_by(self._histories, users, knows_users=True)

    def fold_in(self, interactions: Interactions) -> Scorer:
        """Return a scorer for the users of other interactions with the same items, by what these users did last.

        Args:
            interactions: of the users that the model was trained on, or of others.

        Raises:
            DataError: the items are not those that the model was built on, or there are no times.
            ModelError: the users are others, and the model knows each user by what it learnt of that one.
        """
        self._check_items(interactions)
        histories = Histories(interactions, self._histories.length).to(next(self.parameters()).device)
        knows_users = interactions.users.ids.equals(self._users)
        scorer = torch.no_grad()(partial(self._score_by, histories, knows_users=knows_users))
        if not knows_users and len(interactions.users):
            scorer(torch.zeros(1, dtype=torch.int64, device=next(self.parameters()).device))
        return scorer

    def user_embeddings(self, users: Tensor) -> Tensor:
        """Return the rows of the tables of users; of a model without one, the mean vector of the items they met last.

        Raises:
            ModelError: the model has no table of items either.
        """
        if self._tables["user"]:
            return super().user_embeddings(users)
        items, _ = self._histories.of(users)
        met = (items > 0).unsqueeze(2)
        vectors = self.item_embeddings((items - 1).clamp(min=0).flatten()).unflatten(0, items.shape)
        return (vectors * met).sum(1) / met.sum(1).clamp(min=1)

    def losses_of(self, rows: Any, size: int) -> Tensor:
        """Return the losses of samples, as `RecBoleBackbone` does; where BERT4Rec masked no item, 0 instead of 0/0."""
        if self._masks and not (rows[self.settings["MASK_INDEX"]] > 0).any():
            return (0 * next(self.parameters()).sum()).expand(size)
        return super().losses_of(rows, size)

    def _rows(self, batch: Batch) -> Any:
        model, (items, lengths) = self.model, self._histories.before_samples(batch.row, batch.user)
        user, item, negative = batch.user + 1, batch.item + 1, batch.negative + 1
        rows = {model.USER_ID: user, model.ITEM_SEQ: items, model.ITEM_SEQ_LEN: lengths}
        if self._reads_decoys:
            rows[model.NEG_ITEM_SEQ] = self._decoys(items)
        if self._pointwise:
            rows = {name: torch.cat([values, values]) for name, values in rows.items()}
            rows |= self._points(rows[model.USER_ID], torch.cat([item, negative]))
        else:
            rows |= {model.ITEM_ID: item, model.NEG_ITEM_ID: negative}
        return self._transform(_interaction(rows))

    def _score_by(self, histories: Histories, users: Tensor, *, knows_users: bool) -> Tensor:
        if len(users) == 0:
            return torch.empty(0, self.n_items, device=users.device)
        score = self._rank if self._ranks_all_items else self._rank_pairs
        try:
            blocks = [score(histories, block, knows_users) for block in users.split(_USERS_AT_ONCE)]
        except KeyError as error:
            if error.args != (self.model.USER_ID,):
                raise
            raise ModelError(
                f"RecBole's {self.name} knows each user by what it learnt of that one, so it cannot score others; "
                "choose SASRec or GRU4Rec, for example"
            ) from error
        return torch.cat(blocks)

    def _rank(self, histories: Histories, users: Tensor, knows_users: bool) -> Tensor:
        columns = self._history_of(histories, users, knows_users)
        columns[self.model.ITEM_ID] = torch.ones_like(users)  # CPR's models compute a loss beside the scores.
        rows = _interaction(columns)
        scores = self.model.full_sort_predict(rows if self._masks else self._transform(rows))
        return scores.reshape(len(users), self.n_items + 1)[:, 1:]

    def _rank_pairs(self, histories: Histories, users: Tensor, knows_users: bool) -> Tensor:
        pairs = torch.arange(len(users) * self.n_items, device=users.device)
        scores = []
        for block in pairs.split(_PAIRS_AT_ONCE):
            rows = self._history_of(histories, users[block // self.n_items], knows_users)
            rows[self.model.ITEM_ID] = block % self.n_items + 1
            if self._reads_decoys:
                rows[self.model.NEG_ITEM_SEQ] = torch.zeros_like(rows[self.model.ITEM_SEQ])
            scores.append(self.model.predict(_interaction(rows)).reshape(-1))
        return torch.cat(scores).reshape(len(users), self.n_items)

    def _history_of(self, histories: Histories, users: Tensor, knows_users: bool) -> dict[str, Tensor]:
        items, lengths = histories.of(users)
        rows = {self.model.ITEM_SEQ: items, self.model.ITEM_SEQ_LEN: lengths}
        return {self.model.USER_ID: users + 1, **rows} if knows_users else rows

    @property
    def _reads_decoys(self) -> bool:
        """Whether each item of a history is to be told from one that the user did not meet then (DIEN)."""
        return hasattr(self.model, "NEG_ITEM_SEQ")

    def _decoys(self, items: Tensor) -> Tensor:
        """Return another item, each as likely, for each one of histories, shape [B, length]; 0 where it is 0."""
        shift = torch.randint(1, self.n_items, items.shape, device=items.device)
        return torch.where(items > 0, (items - 1 + shift) % self.n_items + 1, 0)

    @property
    def _masks(self) -> bool:
        return self.settings["transform"] == "mask_itemseq"

    @cached_property
    def _transform(self) -> Callable[[Any], Any]:
        """What RecBole's data loader does to the samples of the model."""
        from recbole.data.transform import construct_transform

        return partial(construct_transform(self.settings), _Items(self.n_items + 1))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> SequentialBackbone:
        """Convert or move the model, and with it the histories."""
        super()._apply(fn, recurse)
        self._histories.to(next(self.parameters()).device)
        return self


class _Items:
    """As much of a data set as RecBole's transforms of histories ask for: the number of ids."""

    def __init__(self, count: int) -> None:
        self.count = count

    def num(self, field: str) -> int:
        """Return the number of ids of items, padding included."""
        return self.count


def _interaction(rows: dict[str, Tensor]) -> Any:
    """Return columns as RecBole's own batch."""
    from recbole.data.interaction import Interaction

    return Interaction(rows)
