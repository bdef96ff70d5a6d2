"""Recommendations: the best items for the users of the data, or for new ones, as a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from recval.backbones import Backbone
from recval.data import Interactions, Split, from_frame
from recval.data.encoding import recode
from recval.data.interactions import Codes
from recval.errors import DataError
from recval.ranking import ItemSets, Recommendations, Scorer, top_k


def final_scorer(backbone: Backbone, split: Split) -> Scorer:
    """Return the scorer to use once training is over: a model that reads histories reads the validation part too."""
    return backbone.fold_in(split.with_validation().train) if backbone.reads_history else backbone.score


def recommend(
    backbone: Backbone, split: Split, users: Sequence[object] | None = None, k: int = 10, *, exclude_seen: bool = True
) -> pd.DataFrame:
    """Return the best items for users, one row a recommendation: user, item, rank (from 1) and score.

    Args:
        backbone: the model.
        split: what it was trained on.
        users: the users' own ids; all by default.
        k: items a user.
        exclude_seen: leave out what the user has a training or validation interaction with.

    Raises:
        DataError: a user is unknown.
    """
    codes = np.arange(len(split.users)) if users is None else split.users.codes(users)
    seen = split.with_validation().train
    found = _ranked(backbone, final_scorer(backbone, split), codes, seen, k, exclude_seen=exclude_seen)
    return _table(found, seen)


def recommend_to_new(
    backbone: Backbone, split: Split, histories: Interactions | pd.DataFrame, k: int = 10, *, exclude_seen: bool = True
) -> pd.DataFrame:
    """Return the best items for users that the model has never met, by what they did.

    Args:
        backbone: the model.
        split: what it was trained on.
        histories: the users' interactions; of a DataFrame the columns user, item and, if there is one, time. Items
            that the model does not know are passed over.
        k: items a user.
        exclude_seen: leave out what is in the histories.

    Raises:
        DataError: a user has no interaction with an item that the model knows.
        ModelError: the model knows only the users that it was trained on.
    """
    known = _known(histories, split)
    found = _ranked(backbone, backbone.fold_in(known), np.arange(len(known.users)), known, k, exclude_seen=exclude_seen)
    return _table(found, known)


def _ranked(
    backbone: Backbone, score: Scorer, users: Codes, seen: Interactions, k: int, *, exclude_seen: bool
) -> Recommendations:
    device = next((parameter.device for parameter in backbone.parameters()), torch.device("cpu"))
    masked = ItemSets.of(seen if exclude_seen else seen.take(np.arange(0)))
    return top_k(score, users, masked, k, device=device)


def _known(histories: Interactions | pd.DataFrame, split: Split) -> Interactions:
    """Return the part of the histories whose items the model knows, in its codes of items.

    Raises:
        DataError: nothing is left of a user.
    """
    if isinstance(histories, pd.DataFrame):
        histories = from_frame(histories, time="time" if "time" in histories.columns else None, duplicates="last")
    known = histories.take(split.items.find(histories.items.ids)[histories.item] >= 0)
    left = known.user_counts()
    if (left == 0).any():
        user = histories.users.names(np.flatnonzero(left == 0)[:1])[0]
        raise DataError(f"user {user} has no interaction with any of the {len(split.items):,} items of the model")
    return recode(known, known.users, split.items)


def _table(found: Recommendations, interactions: Interactions) -> pd.DataFrame:
    row, place = np.nonzero(found.items >= 0)
    return pd.DataFrame(
        {
            "user": interactions.users.names(found.users[row]),
            "item": interactions.items.names(found.items[row, place]),
            "rank": place + 1,
            "score": found.scores[row, place],
        }
    )
