"""What comes for free: scores of training interactions that take no valuation, for values to be compared with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from recval.adapter.leave_one_out import EASE_ITEMS, cosine_support, ease_support
from recval.backbones import build
from recval.data import Interactions, Split
from recval.rng import numpy_generator

Scores = npt.NDArray[np.float64]

_USERS_AT_ONCE = 1024
_FLOOR = 1e-3
_ADDED_UP = ("item popularity", "user activity", "EASE, leave-one-out", "cosine, leave-one-out")


def free_scores(split: Split, seeds: Sequence[int]) -> Iterator[tuple[str, int, Scores]]:
    """Yield name, seed and a score of each training interaction, shape [n]; higher is to say more trustworthy.

    Item popularity and user activity are counts of training interactions. EASE scores an interaction by the user's
    other ones, its diagonal being 0, less the user's mean; its weights have seen the interaction. The two supports have
    not: they leave out the interaction that they score. Only the random scores depend on the seed; the others come with
    the first.
    """
    train = split.train
    pairs = train.user, train.item
    yield "item popularity", seeds[0], train.item_counts()[train.item].astype(float)
    yield "user activity", seeds[0], train.user_counts()[train.user].astype(float)
    if len(train.items) <= EASE_ITEMS:
        yield "EASE", seeds[0], _centred(_ease(train), train)
        yield "EASE, leave-one-out", seeds[0], ease_support(train, *pairs)
    yield "cosine, leave-one-out", seeds[0], cosine_support(train, *pairs)
    for seed in seeds:
        yield "random", seed, numpy_generator(seed, "free", "random").random(len(train))


def fitted_to_labels(split: Split, seed: int, false: npt.NDArray[np.bool_]) -> Scores:
    """Return how unlikely it is that each interaction is noise, by a logistic regression on the labels, shape [n].

    It is fitted to the logarithms of counts and leave-one-out scores, on the interactions that it scores: about the
    most that they can tell, if they only add up. Values are fitted to no labels.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    found = [scores for name, _, scores in free_scores(split, [seed]) if name in _ADDED_UP]
    numbers = StandardScaler().fit_transform(np.log(np.maximum(np.stack(found, axis=1), _FLOOR)))
    return LogisticRegression(C=1e3).fit(numbers, ~false).decision_function(numbers)


def _ease(train: Interactions) -> Scores:
    """Return EASE's score of each interaction, with its default regularisation."""
    backbone = build("EASE", train).eval()
    scores = np.empty(len(train))
    order = np.argsort(train.user, kind="stable")
    starts = np.searchsorted(train.user[order], np.arange(0, len(train.users), _USERS_AT_ONCE))
    for first, rows in zip(range(0, len(train.users), _USERS_AT_ONCE), np.split(order, starts[1:]), strict=True):
        users = torch.arange(first, min(first + _USERS_AT_ONCE, len(train.users)))
        found = backbone.score(users).numpy()
        scores[rows] = found[train.user[rows] - first, train.item[rows]]
    return scores


def _centred(scores: Scores, train: Interactions) -> Scores:
    total = np.bincount(train.user, scores, minlength=len(train.users))
    return scores - (total / np.maximum(train.user_counts(), 1))[train.user]
