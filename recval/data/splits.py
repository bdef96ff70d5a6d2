"""Splits: which interactions to train on, to choose by, and to report on.

- `split_by_ratio`: a share of each user's interactions; the common protocol, and the one of most published tables.
- `leave_one_out`: the last interaction of each user; for sequential models.
- `split_by_time`: everything after a moment; the only one without any leak from the future.
- `split_given`: one's own parts.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from recval.data.encoding import recode, union
from recval.data.interactions import Codes, Interactions, Split
from recval.errors import ConfigError, DataError, unknown
from recval.rng import RandomSource, numpy_generator, seed_of

Order = Literal["random", "time"]


def split_by_ratio(
    interactions: Interactions,
    ratios: tuple[float, float, float] = (0.8, 0.1, 0.1),
    *,
    order: Order = "random",
    rng: RandomSource = 0,
) -> Split:
    """Split each user's interactions by share.

    A part of a user is rounded down, except that a share between 0 and 1 interactions becomes one while the user
    has more than one left to train on, test first; the sizes equal those of RecBole's ratio split.

    Args:
        interactions: the interactions.
        ratios: the shares of training, validation and test; they sum to 1, and that of training is positive.
        order: "random", or "time" (the latest are tested).
        rng: the source of the random order.

    Raises:
        DataError: the ratios are not shares, or there is no column `time` to order by.
    """
    _check_shares(ratios)
    train, valid = _part_sizes(interactions.user_counts(), ratios)
    place = _place_within_user(interactions, order, rng)
    user = interactions.user
    part = np.where(place < train[user], 0, np.where(place < (train + valid)[user], 1, 2))
    return _parts(interactions, part)


def leave_one_out(interactions: Interactions, *, order: Order = "time", rng: RandomSource = 0) -> Split:
    """Test on the last interaction of each user and validate on the one before it.

    Users with fewer than three interactions are trained on only.

    Args:
        interactions: the interactions.
        order: "time" (ties in the order of the table) or "random".
        rng: the source of the random order.

    Raises:
        DataError: there is no column `time` to order by.
    """
    counts = interactions.user_counts()[interactions.user]
    from_last = counts - 1 - _place_within_user(interactions, order, rng)
    part = np.where((counts < 3) | (from_last > 1), 0, np.where(from_last == 1, 1, 2))
    return _parts(interactions, part)


def split_by_time(interactions: Interactions, ratios: tuple[float, float, float] = (0.8, 0.1, 0.1)) -> Split:
    """Train on what came before a moment, validate up to a second one, test on the rest.

    The two moments are the quantiles of time at the given shares; interactions of the same moment stay together.
    Held-out interactions of users without any training interaction are dropped: nothing could be learnt of them.

    Raises:
        DataError: the ratios are not shares above 0, there is no column `time`, or a part has no interactions left.
    """
    _check_shares(ratios)
    if min(ratios) == 0:
        raise DataError(f"a split by time needs three shares above 0. Got {ratios} instead")
    time = interactions.column("time").astype(float)
    valid_from, test_from = np.quantile(time, [ratios[0], 1 - ratios[2]], method="higher")
    part = np.where(time < valid_from, 0, np.where(time < test_from, 1, 2))
    known = np.zeros(len(interactions.users), bool)
    known[interactions.user[part == 0]] = True
    part = np.where((part > 0) & ~known[interactions.user], -1, part)
    for index, name in enumerate(("train", "validation", "test")):
        if not (part == index).any():
            raise DataError(f"the split by time leaves no interactions in the {name} part")
    return _parts(interactions, part)


def split_given(train: Interactions, valid: Interactions, test: Interactions) -> Split:
    """Return one's own parts as a split over shared vocabularies.

    Raises:
        DataError: a pair occurs in two parts (a leak), or a user of a held-out part has no training interaction.
    """
    users = union(train.users, valid.users, test.users)
    items = union(train.items, valid.items, test.items)
    parts = {
        name: recode(part, users, items) for name, part in (("train", train), ("validation", valid), ("test", test))
    }
    _check_disjoint(parts)
    trained = parts["train"].user_counts() > 0
    for name in ("validation", "test"):
        untrained = ~trained[parts[name].user]
        if untrained.any():
            user = users.names(parts[name].user[untrained][:1])[0]
            raise DataError(f"user {user} of the {name} part has no interaction in the training part")
    return Split(*parts.values())


def _check_shares(ratios: tuple[float, float, float]) -> None:
    if not (min(ratios) >= 0 and ratios[0] > 0 and abs(sum(ratios) - 1) <= 1e-9):
        raise DataError(f"ratios must be three shares that sum to 1, the first above 0. Got {ratios} instead")


def _check_disjoint(parts: dict[str, Interactions]) -> None:
    keys = {name: part.user * len(part.items) + part.item for name, part in parts.items()}
    for first, second in (("train", "validation"), ("train", "test"), ("validation", "test")):
        shared = np.flatnonzero(np.isin(keys[second], keys[first]))
        if len(shared):
            part = parts[second]
            user, item = part.users.names(part.user[shared[:1]])[0], part.items.names(part.item[shared[:1]])[0]
            raise DataError(
                f"the pair user {user}, item {item} is in both the {first} and the {second} part "
                f"({len(shared):,} such pairs); held-out interactions must not be trained on"
            )


def _part_sizes(counts: Codes, ratios: tuple[float, float, float]) -> tuple[Codes, Codes]:
    """Return how many interactions of each user are trained on, and validated on; the rest is tested on."""
    valid, test = (np.floor(ratio / sum(ratios) * counts).astype(np.int64) for ratio in ratios[1:])
    train = counts - valid - test
    for part, ratio in ((test, ratios[2]), (valid, ratios[1])):
        lifted = (ratio > 0) & (ratio / sum(ratios) * counts < 1) & (train > 1)
        part += lifted
        train -= lifted
    return train, valid


def _place_within_user(interactions: Interactions, order: Order, rng: RandomSource) -> npt.NDArray[np.int64]:
    """Return the position of each interaction among those of its user, from 0."""
    if order not in get_args(Order):
        raise ConfigError(unknown("order", order, get_args(Order)))
    if order == "time":
        rank = interactions.column("time")
    else:
        rank = numpy_generator(seed_of(rng), "split").permutation(len(interactions))
    ordered = np.lexsort((rank, interactions.user))
    counts = interactions.user_counts()
    starts = np.cumsum(counts) - counts
    place = np.empty(len(interactions), np.int64)
    place[ordered] = np.arange(len(interactions)) - starts[interactions.user[ordered]]
    return place


def _parts(interactions: Interactions, part: npt.NDArray[np.integer]) -> Split:
    return Split(*(interactions.take(part == index) for index in range(3)))
