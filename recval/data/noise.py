"""Noise: labelled false positives left out, or false positives made up and labelled, in the parts of a split.

`without_noise` takes out what the data itself calls false (label 0): for a clean validation or test part, or for a
clean start. `with_noise` adds interactions that never were, so that it is known what a valuator should find. How to
choose: "uniform" noise looks like a slip of the finger, and falls on rare items; "popularity" noise looks like what
everybody is shown, so that neither an item's nor a user's count gives it away. When not to use: made-up noise is
independent of taste, and natural noise is not; what finds the one need not find the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recval.data.interactions import Interactions, Split
from recval.data.vocabulary import Codes
from recval.declarations import distinct
from recval.errors import ConfigError, DataError, unknown
from recval.rng import RandomSource, numpy_generator, seed_of

Part = Literal["train", "valid", "test"]
NoiseKind = Literal["uniform", "popularity"]

_PARTS: tuple[Part, ...] = get_args(Part)
_CANDIDATES = 2**14


def without_noise(split: Split, parts: Sequence[Part] = ("train", "valid")) -> Split:
    """Return the split without the interactions of label 0 in the named parts.

    Raises:
        ConfigError: there is no such part.
        DataError: there are no labels, or a part has no other interactions.
    """
    found = {name: _part(split, name) for name in _PARTS}
    for name in parts:
        part = _part(split, name)
        found[name] = part.take(part.column("label") != 0)
        if len(part) and not len(found[name]):
            raise DataError(f"all {len(part):,} interactions of the part {name} have the label 0; none would be left")
    return Split(found["train"], found["valid"], found["test"], split.dropped)


def with_noise(
    split: Split, kind: NoiseKind, share: float, *, into: Sequence[Part] = ("train",), rng: RandomSource = 0
) -> Split:
    """Return the split with made-up interactions in the named parts, labelled 0.

    Each is a copy of a random interaction of the part, and so of a user drawn in proportion to activity, with an item
    that is in no part for that user: any such item alike, or in proportion to training popularity. It stands after the
    interaction that it is a copy of, whose time and rating it shares. No pair is made up twice. In every part, the
    interactions that were there keep their label, or get 1 where the data has none.

    Args:
        split: the split.
        kind: "uniform" or "popularity": how the items are drawn.
        share: the made-up share of all interactions that a part then has, in (0, 1), rounded to whole interactions.
        into: the parts, each once.
        rng: the source of the draws.

    Raises:
        ConfigError: there is no such kind or part, or a part stands twice.
        DataError: `share` is no share, or comes to no interaction; or a user has not enough items left that could be
            drawn.
    """
    if kind not in get_args(NoiseKind):
        raise ConfigError(unknown("kind of noise", kind, get_args(NoiseKind)))
    if not 0 < share < 1:
        raise DataError(f"the share of noise must be above 0 and below 1. Got {share} instead")
    distinct(into)
    for name in into:
        _part(split, name)
    labelled = {name: _labelled(_part(split, name)) for name in _PARTS}
    train = split.train
    taken = np.unique(np.concatenate([part.user * len(split.items) + part.item for part in labelled.values()]))
    possible = np.arange(len(split.items)) if kind == "uniform" else train.item
    for name in into:
        part = labelled[name]
        generator = numpy_generator(seed_of(rng), "noise", name)
        copied = np.sort(generator.integers(len(part), size=_made_up(share, len(part), name)))
        _check_room(split, part.user[copied], taken, possible)
        item = _drawn_items(part.user[copied], taken, possible, len(split.items), generator)
        labelled[name] = _joined(part, copied, item)
        taken = np.union1d(taken, part.user[copied] * len(split.items) + item)
    return Split(labelled["train"], labelled["valid"], labelled["test"], split.dropped)


def _part(split: Split, name: str) -> Interactions:
    if name not in _PARTS:
        raise ConfigError(unknown("part", name, _PARTS))
    return getattr(split, name)


def _made_up(share: float, there: int, part: str) -> int:
    """Return how many interactions make the share beside those that are there."""
    number = round(share / (1 - share) * there)
    if there and not number:
        raise DataError(f"a share of {share:g} comes to no interaction beside the {there:,} of part {part}; raise it")
    return number


def _labelled(part: Interactions) -> Interactions:
    if "label" in part.table.column_names:
        return part
    return replace(part, table=part.table.append_column("label", pa.array(np.ones(len(part), np.int64))))


def _check_room(split: Split, users: Codes, taken: Codes, possible: Codes) -> None:
    """Check that each user has as many free items that could be drawn as there are to draw for them."""
    n_items = len(split.items)
    drawable = np.zeros(n_items, bool)
    drawable[possible] = True
    used = np.bincount(taken[drawable[taken % n_items]] // n_items, minlength=len(split.users))
    free = int(drawable.sum()) - used
    wanted = np.bincount(users, minlength=len(split.users))
    if (wanted > free).any():
        user = int(np.argmax(wanted - free))
        raise DataError(
            f"user {split.users.names([user])[0]} would get {wanted[user]:,} interactions of noise, but has only "
            f"{free[user]:,} items left that could be drawn; lower the share"
        )


def _drawn_items(
    users: Codes, taken: Codes, possible: Codes, n_items: int, generator: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return an item for each of the users, so that no pair is taken and none stands twice; by rejection.

    Args:
        users: the users, shape [n].
        taken: the pairs that are not free, as user * n_items + item, ascending.
        possible: the items to draw from, an item as often as its weight says.
        n_items: the number of items.
        generator: what draws.
    """
    items = np.full(len(users), -1, np.int64)
    while len(left := np.flatnonzero(items < 0)):
        tries = max(_CANDIDATES // len(left), 1)
        drawn = possible[generator.integers(len(possible), size=(len(left), tries))]
        pairs = users[left, None] * n_items + drawn
        free = ~_contains(taken, pairs)
        first = free.argmax(axis=1)
        found = np.flatnonzero(free[np.arange(len(left)), first])
        new, once = np.unique(pairs[found, first[found]], return_index=True)
        items[left[found[once]]] = new % n_items
        taken = np.union1d(taken, new)
    return items


def _contains(ascending: Codes, wanted: Codes) -> npt.NDArray[np.bool_]:
    if len(ascending) == 0:
        return np.zeros(wanted.shape, bool)
    place = np.minimum(np.searchsorted(ascending, wanted), len(ascending) - 1)
    return ascending[place] == wanted


def _joined(part: Interactions, copied: Codes, item: Codes) -> Interactions:
    """Return the part with copies of some of its interactions, each after its original, with other items, label 0."""
    copies = part.take(copied).table
    for name, column in (("item", item), ("label", np.zeros(len(item), np.int64))):
        copies = copies.set_column(copies.column_names.index(name), copies.schema.field(name), pa.array(column))
    order = np.argsort(np.concatenate([np.arange(len(part)), copied]), kind="stable")
    whole = pa.concat_tables([part.table, copies]).combine_chunks()
    return replace(part, table=whole.take(pa.array(order)))
