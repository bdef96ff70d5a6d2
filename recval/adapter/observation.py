"""What a valuator sees of a training sample.

The paper's sample encoder (DVR, arXiv 2502.08685) is fed s_m = [e_u ; e_i ; e_j ; l_m]: the backbone's vectors of the
user, the positive and the negative item, and the sample's current loss. More may join them, all of it detached, and
standardised over the training interactions:

- how much there is of the user and of the item: the logarithms of their counts;
- whether the interaction was to be expected from the user's other ones, in logarithms (`recval.adapter.leave_one_out`).
  A backbone's own score cannot tell, since it was trained on the interaction;
- how many of the user's interactions are held out: where validation data is cleaner than training data, a user with
  few has noise among the others;
- what is known of the user and of the item: fields such as gender and genre.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from recval.adapter.leave_one_out import Floats, check_ease, cosine_support, ease_support
from recval.backbones import Backbone, Batch
from recval.data import Interactions, Split
from recval.data.interactions import Codes
from recval.declarations import checked, distinct
from recval.errors import ConfigError, DataError, unknown
from recval.ranking.context import Context

NAMES = ("user", "item", "negative", "loss", "activity", "popularity", "cosine", "ease", "held-out")
FIELD = re.compile(r"(user|item)\[(\w[\w .-]*)\]")


def check_input(name: str) -> None:
    """Check that there is an input of a name.

    Raises:
        ConfigError: there is none.
    """
    if name not in NAMES and not FIELD.fullmatch(name):
        raise ConfigError(unknown("input", name, [*NAMES, "user[FIELD]", "item[FIELD]"]))


Input = Annotated[str, checked(check_input)]
"""What is observed of a sample; see `Observer`."""
Inputs = Annotated[tuple[Input, ...], checked(distinct)]
"""All that is observed of a sample, each once."""
INPUTS: Inputs = ("user", "item", "negative", "loss", "activity", "popularity")
"""The inputs of the paper, and the counts."""
FLOOR = {"cosine": 1e-2, "ease": 2e-3}
"""Supports below this are not told apart: their logarithm is cut off there."""
PRIOR = 20
"""The interactions that a user's rate of held-out ones is shrunk by towards the rate of all."""


class Observer:
    """Observes samples.

    Args:
        backbone: the model in training.
        train: the training interactions, which are counted, and leave-one-out support comes from.
        inputs: what to observe, each once: `user`, `item`, `negative` (embeddings), `loss`, `activity` (of the user),
            `popularity` (of the positive item), `cosine` and `ease` (support of the user's other interactions for the
            item), `held-out` (how many of the user's interactions are held out, against all users); `user[FIELD]` and
            `item[FIELD]`, a field's groups or categories as zeros and ones.
        device: where the samples live.
        valid: the validation interactions, which `held-out` counts.
        pairs: the pairs that the rows of a batch are positions in; by default the training interactions.

    Raises:
        ConfigError: an input or a field is unknown, or an input stands twice.
        DataError: `ease` is observed, and there are too many items for it; or `held-out`, and nothing is held out.
    """

    def __init__(
        self,
        backbone: Backbone,
        train: Interactions,
        inputs: Sequence[Input],
        device: torch.device | str = "cpu",
        *,
        valid: Interactions | None = None,
        pairs: Interactions | None = None,
    ) -> None:
        distinct(inputs)
        self.inputs = tuple(inputs)
        self._backbone = backbone
        context = Context(users=train.users, items=train.items)
        tables = {name: _table(name, context, train, valid, pairs or train) for name in self.inputs}
        self._tables = {name: table.float().to(device) for name, table in tables.items() if table is not None}
        self._device = device

    @torch.no_grad()
    def __call__(self, batch: Batch, losses: Tensor) -> Tensor:
        """Return the observation of each sample, shape [B, F], without a graph.

        Args:
            batch: the samples.
            losses: the loss of each sample, shape [B].
        """
        return torch.cat([self._column(name, batch, losses).float() for name in self.inputs], dim=1)

    @property
    def widths(self) -> dict[str, int]:
        """How many numbers of an observation each input takes, in their order."""
        first = torch.zeros(1, dtype=torch.int64, device=self._device)
        batch, losses = Batch(first, first, first, first), torch.zeros(1, device=self._device)
        with torch.no_grad():
            return {name: self._column(name, batch, losses).shape[1] for name in self.inputs}

    def _column(self, name: Input, batch: Batch, losses: Tensor) -> Tensor:
        match name:
            case "user":
                return self._backbone.user_embeddings(batch.user)
            case "item":
                return self._backbone.item_embeddings(batch.item)
            case "negative":
                return self._backbone.item_embeddings(batch.negative)
            case "loss":
                return losses.unsqueeze(1)
            case "cosine" | "ease":
                return self._tables[name].index_select(0, batch.row)
            case "popularity":
                return self._tables[name].index_select(0, batch.item)
            case "activity" | "held-out":
                return self._tables[name].index_select(0, batch.user)
            case _:
                return self._tables[name].index_select(0, batch.user if name.startswith("user") else batch.item)


def check_observable(inputs: Sequence[Input], backbone: Backbone, split: Split) -> None:
    """Check that samples can be observed, without the support of the users' interactions, which takes time.

    Raises:
        ConfigError: a field is unknown.
        DataError: as for `Observer`.
        ModelError: the backbone has no vectors of users or items.
    """
    if "ease" in inputs:
        check_ease(split.train)
    quick = [name for name in inputs if name not in FLOOR]
    _ = Observer(backbone, split.train, quick, valid=split.valid).widths


def _table(
    name: Input, context: Context, train: Interactions, valid: Interactions | None, pairs: Interactions
) -> Tensor | None:
    """Return what an input is for each user, item or pair, a row each; None where it follows from the training."""
    match name:
        case "user" | "item" | "negative" | "loss":
            return None
        case "cosine" | "ease":
            return _supports(name, train, pairs)
        case "activity":
            return _standardised(np.log1p(train.user_counts()), train.user)
        case "popularity":
            return _standardised(np.log1p(train.item_counts()), train.item)
        case "held-out":
            return _standardised(_held_out_rates(train, valid), train.user)
    check_input(name)
    side, _, field = name.removesuffix("]").partition("[")
    if side == "item":
        return torch.from_numpy(context.categories(field).toarray())
    groups = torch.from_numpy(context.user_groups(field))
    return torch.nn.functional.one_hot(groups + 1)[:, 1:]


def _supports(name: str, train: Interactions, pairs: Interactions) -> Tensor:
    """Return the logarithm of the pairs' leave-one-out support, standardised as that of training, shape [n, 1]."""
    seen = _log_support(name, train, train)
    asked = seen if pairs is train else _log_support(name, train, pairs)
    return torch.from_numpy((asked - seen.mean()) / (seen.std() or 1.0)).unsqueeze(1)


def _log_support(name: str, train: Interactions, pairs: Interactions) -> Floats:
    """Return the logarithm of the pairs' support.

    EASE adds up the user's other items: one fewer for a training interaction, which is made up for, so that training
    interactions can be compared with others.
    """
    if name == "cosine":
        support = cosine_support(train, pairs.user, pairs.item)
    else:
        support = ease_support(train, pairs.user, pairs.item)
        if pairs is train:
            size = train.user_counts()[train.user]
            support *= size / np.maximum(size - 1, 1)
    return np.log(np.maximum(support, FLOOR[name]))


def _held_out_rates(train: Interactions, valid: Interactions | None) -> Floats:
    """Return the logarithm of each user's held-out interactions over training ones, shrunk, shape [n_users]."""
    if not valid:
        raise DataError(
            "the input held-out counts validation interactions, and there are none; split some off, or leave it out"
        )
    rate = len(valid) / len(train)
    return np.log((valid.user_counts() + PRIOR * rate) / (train.user_counts() + PRIOR))


def _standardised(of_code: Floats, codes: Codes) -> Tensor:
    """Return the number of each code, with mean 0 and variance 1 over the interactions, shape [n, 1]."""
    seen = of_code[codes]
    return torch.from_numpy((of_code - seen.mean()) / (seen.std() or 1.0)).unsqueeze(1)
