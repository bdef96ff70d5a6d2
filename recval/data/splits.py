"""Splits: which interactions to train on, to choose by, and to report on.

- `split_by_ratio`: a share of each user's interactions; the common protocol, and the one of most published tables.
- `leave_k_out`: the last interactions of each user; for sequential models.
- `split_by_time`: everything after a moment; the only one without any leak from the future.
- `k_fold`: cross-validation; each interaction is tested once, for small data.

One's own parts become a split by `recval.data.split_given`. All parts share the vocabularies of the whole;
`recval.data.in_train_vocabulary` takes a split to the users and items that are trained on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from recval.data.interactions import Interactions, Split
from recval.data.parts import told
from recval.data.vocabulary import Codes
from recval.errors import ConfigError, DataError, unknown
from recval.rng import RandomSource, derive, numpy_generator, seed_of

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
    place = _place_within_user(interactions, order, seed_of(rng))
    user = interactions.user
    part = np.where(place < train[user], 0, np.where(place < (train + valid)[user], 1, 2))
    return _parts(interactions, part)


def leave_k_out(interactions: Interactions, k: int = 1, *, order: Order = "time", rng: RandomSource = 0) -> Split:
    """Test on the last `k` interactions of each user and validate on the `k` before them.

    Users with `2 * k` interactions or fewer are trained on only.

    Args:
        interactions: the interactions.
        k: how many to hold out of each user, twice.
        order: "time" (ties in the order of the table) or "random".
        rng: the source of the random order.

    Raises:
        DataError: `k` is below 1, or there is no column `time` to order by.
    """
    if k < 1:
        raise DataError(f"k must be 1 or more. Got {k} instead")
    counts = interactions.user_counts()[interactions.user]
    from_last = counts - 1 - _place_within_user(interactions, order, seed_of(rng))
    part = np.where((counts <= 2 * k) | (from_last >= 2 * k), 0, np.where(from_last >= k, 1, 2))
    return _parts(interactions, part)


def k_fold(interactions: Interactions, folds: int = 5, *, valid: float = 0.1, rng: RandomSource = 0) -> Iterator[Split]:
    """Yield the splits of a cross-validation: each interaction is tested in exactly one of them.

    Each user's interactions are dealt out at random: the folds of a user, and the folds as a whole, differ by at most
    one interaction in size. A user of a single interaction is tested once without having been trained on; see
    `in_train_vocabulary`, or filter such users beforehand.

    Args:
        interactions: the interactions.
        folds: how many splits, at least 2.
        valid: the share of each user's other interactions to validate on, sized as in `split_by_ratio`; may be 0.
        rng: the source of the random orders.

    Raises:
        DataError: there are fewer than two folds, or `valid` is no share.
    """
    if folds < 2:
        raise DataError(f"folds must be 2 or more. Got {folds} instead")
    if not 0 <= valid < 1:
        raise DataError(f"valid must be a share from 0 to below 1. Got {valid} instead")
    seed = seed_of(rng)
    ordered = _ordered_by_user(interactions, "random", seed)
    fold = np.empty(len(interactions), np.int64)
    fold[ordered] = np.arange(len(interactions)) % folds
    return (_fold(interactions, fold == index, valid, derive(seed, "fold", index)) for index in range(folds))


def _fold(interactions: Interactions, tested: npt.NDArray[np.bool_], valid: float, seed: int) -> Split:
    """Return the split that tests on some rows, and validates on a share of each user's others."""
    rest = interactions.take(~tested)
    train, _ = _part_sizes(rest.user_counts(), (1 - valid, valid, 0))
    part = np.full(len(interactions), 2)
    part[~tested] = _place_within_user(rest, "random", seed) >= train[rest.user]
    return _parts(interactions, part)


def split_by_time(interactions: Interactions, ratios: tuple[float, float, float] = (0.8, 0.1, 0.1)) -> Split:
    """Train on what came before a moment, validate up to a second one, test on the rest.

    The two moments are the quantiles of time at the given shares; interactions of the same moment stay together.
    Held-out interactions of users without any training interaction are dropped, with a warning and counted in
    `Split.dropped`: nothing could be learnt of them.

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
    lost = (part > 0) & ~known[interactions.user]
    for index, name in enumerate(("train", "validation", "test")):
        if not ((part == index) & ~lost).any():
            raise DataError(f"the split by time leaves no interactions in the {name} part")
    dropped = (int((lost & (part == 1)).sum()), int((lost & (part == 2)).sum()))
    return told(_parts(interactions, np.where(lost, -1, part)), dropped, "user")


def _check_shares(ratios: tuple[float, float, float]) -> None:
    if not (len(ratios) == 3 and min(ratios) >= 0 and ratios[0] > 0 and abs(sum(ratios) - 1) <= 1e-9):
        raise DataError(f"ratios must be three shares that sum to 1, the first above 0. Got {ratios} instead")


def _part_sizes(counts: Codes, ratios: tuple[float, float, float]) -> tuple[Codes, Codes]:
    """Return how many interactions of each user are trained on, and validated on; the rest is tested on."""
    valid, test = (np.floor(ratio / sum(ratios) * counts).astype(np.int64) for ratio in ratios[1:])
    train = counts - valid - test
    for part, ratio in ((test, ratios[2]), (valid, ratios[1])):
        lifted = (ratio > 0) & (ratio / sum(ratios) * counts < 1) & (train > 1)
        part += lifted
        train -= lifted
    return train, valid


def _place_within_user(interactions: Interactions, order: Order, seed: int) -> npt.NDArray[np.int64]:
    """Return the position of each interaction among those of its user, from 0."""
    ordered = _ordered_by_user(interactions, order, seed)
    counts = interactions.user_counts()
    starts = np.cumsum(counts) - counts
    place = np.empty(len(interactions), np.int64)
    place[ordered] = np.arange(len(interactions)) - starts[interactions.user[ordered]]
    return place


def _ordered_by_user(interactions: Interactions, order: Order, seed: int) -> npt.NDArray[np.intp]:
    """Return the rows user by user, and within a user by time or at random."""
    if order not in get_args(Order):
        raise ConfigError(unknown("order", order, get_args(Order)))
    if order == "time":
        rank = interactions.column("time")
    else:
        rank = numpy_generator(seed, "split").permutation(len(interactions))
    return np.lexsort((rank, interactions.user))


def _parts(interactions: Interactions, part: npt.NDArray[np.integer]) -> Split:
    train, valid, test = (interactions.take(part == index) for index in range(3))
    return Split(train, valid, test)
