from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from recval.data import Interactions, Vocabulary

N_USERS, N_ITEMS = 30, 40
GENRES = ["Action", "Comedy", "Drama", "Horror"]


def world(seed, n_users=N_USERS, n_items=N_ITEMS):
    """Users with a group, items with categories and vectors; some of each have none, and one item is never trained on.

    Scores have many ties, some are -inf; one user has seen everything, another nothing.
    """
    rng = np.random.default_rng(seed)
    genres = [[name for name in GENRES if rng.random() < 0.4] for _ in range(n_items)]
    fields = pa.table({"genre": [" ".join(names) or None for names in genres], "tags": genres})
    groups = [[None, "F", "M", "M"][rng.integers(4)] for _ in range(n_users)]
    users = Vocabulary(pa.array(range(n_users)), pa.table({"gender": groups}))
    items = Vocabulary(pa.array(range(n_items)), fields)

    def of(mask):
        user, item = np.nonzero(mask)
        return Interactions(pa.table({"user": user, "item": item}), users, items)

    train = rng.random((n_users, n_items)) < rng.random(n_items) * 0.5
    train[:, 3] = False
    train[0], train[1] = True, False
    truth = rng.random((n_users, n_items)) < 0.12
    truth[2] = False
    truth[0, 5] = True
    scores = rng.integers(0, 8, (n_users, n_items)).astype(np.float32)
    scores[rng.random(scores.shape) < 0.1] = -np.inf
    return SimpleNamespace(
        train=of(train),
        truth=of(truth),
        seen_mask=train,
        truth_mask=truth,
        scores=scores,
        genres=[set(names) for names in genres],
        groups=groups,
        vectors=rng.normal(size=(n_items, 3)) * (rng.random((n_items, 1)) > 0.1),
    )


@pytest.fixture(scope="session")
def make_world():
    """Builds a small world of random data from a seed."""
    return world


@pytest.fixture(scope="session", params=[0, 1, 2])
def small_world(request):
    return world(request.param)
