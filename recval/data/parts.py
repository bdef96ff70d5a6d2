"""Parts of one's own as a split, and what a split knows: the users and items of all parts, or of the training part."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recval.data.encoding import compact, recode, union
from recval.data.interactions import Interactions, Split
from recval.errors import ConfigError, DataError, unknown

Knowing = Literal["all", "train"]
"""Whose users and items a split knows: those of all parts, or those of the training part alone."""


def split_given(train: Interactions, valid: Interactions, test: Interactions, *, vocabulary: Knowing = "all") -> Split:
    """Return one's own parts as a split over shared vocabularies.

    Args:
        train: what to train on.
        valid: what to choose by.
        test: what to report on.
        vocabulary: "all", or "train" as in `in_train_vocabulary`.

    Raises:
        ConfigError: there is no such choice of vocabulary.
        DataError: a pair occurs in two parts (a leak); or, with the vocabulary of all parts, a user of a held-out part
            has no training interaction.
    """
    users = union(train.users, valid.users, test.users)
    items = union(train.items, valid.items, test.items)
    train, valid, test = (recode(part, users, items) for part in (train, valid, test))
    split = Split(train, valid, test)
    _check_disjoint(split)
    if vocabulary not in get_args(Knowing):
        raise ConfigError(unknown("vocabulary", vocabulary, get_args(Knowing)))
    if vocabulary == "train":
        return in_train_vocabulary(split)
    trained = split.train.user_counts() > 0
    for name, part in (("validation", split.valid), ("test", split.test)):
        untrained = ~trained[part.user]
        if untrained.any():
            user = users.names(part.user[untrained][:1])[0]
            raise DataError(
                f"user {user} of the {name} part has no interaction in the training part; "
                "leave such interactions out with vocabulary='train'"
            )
    return split


def in_train_vocabulary(split: Split) -> Split:
    """Return a split that knows the users and items of its training interactions and no others.

    Held-out interactions with others are left out, with a warning, and counted in `Split.dropped`.
    """
    train = compact(split.train)
    users, items = split.train.user_counts() > 0, split.train.item_counts() > 0
    known = [users[part.user] & items[part.item] for part in (split.valid, split.test)]
    valid = recode(split.valid.take(known[0]), train.users, train.items)
    test = recode(split.test.take(known[1]), train.users, train.items)
    dropped = (int((~known[0]).sum()), int((~known[1]).sum()))
    return told(Split(train, valid, test, split.dropped), dropped, "user or item")


def told(split: Split, dropped: tuple[int, int], what: str) -> Split:
    """Return the split with the interactions counted that were dropped from it, and warn if there are any.

    Args:
        split: the split without them.
        dropped: how many, of the validation and of the test part.
        what: whose lack of training interactions is the reason.
    """
    if any(dropped):
        warnings.warn(
            f"left out {dropped[0]:,} interactions of the validation part and {dropped[1]:,} of the test part, "
            f"for their {what} has no training interaction",
            stacklevel=3,
        )
    return replace(split, dropped=(split.dropped[0] + dropped[0], split.dropped[1] + dropped[1]))


def _check_disjoint(split: Split) -> None:
    parts = {"train": split.train, "validation": split.valid, "test": split.test}
    keys = {name: pa.array(part.user * len(part.items) + part.item) for name, part in parts.items()}
    for first, second in (("train", "validation"), ("train", "test"), ("validation", "test")):
        shared = np.flatnonzero(pc.is_in(keys[second], value_set=keys[first]))
        if len(shared):
            part = parts[second]
            user, item = part.users.names(part.user[shared[:1]])[0], part.items.names(part.item[shared[:1]])[0]
            raise DataError(
                f"the pair user {user}, item {item} is in both the {first} and the {second} part "
                f"({len(shared):,} such pairs); held-out interactions must not be trained on"
            )
