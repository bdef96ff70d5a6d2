"""Support that leaves out one interaction equals building everything again without that interaction."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recval.adapter import leave_one_out
from recval.adapter.leave_one_out import cosine_support, ease_support
from recval.data import Interactions, Vocabulary
from recval.errors import DataError


def interactions(matrix):
    users, items = np.nonzero(matrix)
    vocabularies = [Vocabulary(pa.array(range(size))) for size in matrix.shape]
    return Interactions(pa.table({"user": users, "item": items}), *vocabularies)


def cosine_anew(matrix, user, item):
    """Return the mean similarity of an item to the user's other items, in what the other users have."""
    others = np.delete(matrix, user, axis=0)
    counts = others.sum(axis=0)
    mine = [other for other in np.flatnonzero(matrix[user]) if other != item]
    similar = [
        others[:, item] @ others[:, other] / np.sqrt(max(counts[item], 1) * max(counts[other], 1)) for other in mine
    ]
    return np.mean(similar) if mine else 0.0


def ease_anew(matrix, user, item, regularisation):
    """Return EASE's score after fitting it without the interaction."""
    without = matrix.copy()
    without[user, item] = 0
    inverse = np.linalg.inv(without.T @ without + regularisation * np.eye(matrix.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return without[user] @ weights[:, item]


matrices = st.builds(
    lambda seed, users, items, density: (np.random.default_rng(seed).random((users, items)) < density).astype(float),
    st.integers(0, 2**32),
    st.integers(1, 9),
    st.integers(1, 8),
    st.sampled_from([0.1, 0.4, 0.8, 1.0]),
)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(matrices, st.sampled_from([0.5, 20.0]))
def test_both_equal_building_anew_for_every_pair(matrix, regularisation):
    train = interactions(matrix)
    users, items = (codes.ravel() for codes in np.indices(matrix.shape))
    order = np.random.default_rng(0).permutation(len(users))
    users, items = users[order], items[order]
    pairs = list(zip(users, items, strict=True))
    expected = [ease_anew(matrix, *pair, regularisation) for pair in pairs]
    np.testing.assert_allclose(ease_support(train, users, items, regularisation), expected, atol=1e-10)
    known = matrix[users, items] > 0
    found = cosine_support(train, users, items)
    np.testing.assert_allclose(found[known], [cosine_anew(matrix, *pair) for pair in pairs if matrix[pair]], atol=1e-12)


def test_blocks_of_users_change_nothing(monkeypatch):
    matrix = (np.random.default_rng(0).random((23, 11)) < 0.4).astype(float)
    train = interactions(matrix)
    whole = [support(train, train.user, train.item) for support in (cosine_support, ease_support)]
    monkeypatch.setattr(leave_one_out, "USERS_A_BLOCK", 5)
    for support, expected in zip((cosine_support, ease_support), whole, strict=True):
        np.testing.assert_allclose(support(train, train.user, train.item), expected, rtol=1e-12)


def test_a_pair_that_is_no_interaction_has_what_the_user_has():
    """Of an unknown pair nothing is left out but the user, who adds nothing to it."""
    matrix = np.array([[1.0, 1, 0, 0], [1, 1, 1, 0], [1, 0, 1, 1]])
    train = interactions(matrix)
    np.testing.assert_allclose(cosine_support(train, np.array([0]), np.array([2])), cosine_anew(matrix, 0, 2))


def test_no_pairs_have_no_support():
    train = interactions(np.eye(3))
    nothing = np.array([], np.int64)
    assert cosine_support(train, nothing, nothing).shape == ease_support(train, nothing, nothing).shape == (0,)


def test_a_catalogue_too_large_for_ease_is_told(monkeypatch):
    monkeypatch.setattr(leave_one_out, "EASE_ITEMS", 2)
    with pytest.raises(DataError, match="up to 2 items; found 3; use cosine"):
        ease_support(interactions(np.eye(3)), np.array([0]), np.array([0]))
