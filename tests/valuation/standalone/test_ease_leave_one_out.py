"""Closed-form leave-one-out of EASE equals fitting EASE anew without the interaction or the user."""

import math

import numpy as np
import pytest
from valuation.standalone.small import Backwards, random_split, split_of

from recval.adapter import leave_one_out
from recval.errors import DataError
from recval.valuation.standalone import EaseLeaveOneOut, Valuing, ease_leave_one_out
from recval.valuation.standalone.margins import Margins


def margins_anew(matrix, margins, regularisation):
    """Return the margin of each validation user by EASE fitted to a matrix."""
    inverse = np.linalg.inv(matrix.T @ matrix + regularisation * np.eye(matrix.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    scores = matrix @ weights
    found = []
    for place, user in enumerate(margins.users):
        pairs = range(margins.indptr[place], margins.indptr[place + 1])
        each = [scores[user, margins.wanted[p]] - scores[user, margins.unwanted[p]].mean() for p in pairs]
        found.append(np.mean(each))
    return np.array(found)


def matrix_of(split):
    found = np.zeros((len(split.users), len(split.items)))
    found[split.train.user, split.train.item] = 1
    return found


SPLITS = {
    "random": random_split(0, (9, 8), density=0.5),
    "sparse": random_split(1, (12, 10), density=0.2),  # Users and items with one interaction, or none.
    "alone": split_of([(0, 0), (1, 1), (2, 1), (2, 2)], [(0, 1), (2, 0), (3, 0)], (4, 5)),
}


@pytest.mark.parametrize("regularisation", [0.3, 250.0])
@pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS)
def test_leaving_out_each_interaction_equals_fitting_anew(split, regularisation):
    settings = EaseLeaveOneOut(regularisation=regularisation, unwanted=3)
    valued = settings.value(Valuing(split, seed=4))
    margins, matrix = Margins.drawn(split, 3, 4), matrix_of(split)
    whole = margins_anew(matrix, margins, regularisation)
    changes = []
    for user, item in zip(split.train.user, split.train.item, strict=True):
        without = matrix.copy()
        without[user, item] = 0
        changes.append(whole - margins_anew(without, margins, regularisation))
    np.testing.assert_allclose(valued.values.value, np.mean(changes, axis=1), rtol=0, atol=1e-9)
    error = np.std(changes, axis=1, ddof=1) / math.sqrt(len(margins.users))
    np.testing.assert_allclose(valued.values.standard_error, error, rtol=0, atol=1e-8)
    np.testing.assert_allclose(valued.facts["margin"], whole.mean(), atol=1e-12)


@pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS)
def test_leaving_out_each_user_equals_fitting_anew(split):
    valued = EaseLeaveOneOut(players="users", regularisation=2.0, unwanted=2).value(Valuing(split, seed=1))
    margins, matrix = Margins.drawn(split, 2, 1), matrix_of(split)
    whole, expected = margins_anew(matrix, margins, 2.0), {}
    for user in np.unique(split.train.user):
        without = matrix.copy()
        without[user] = 0
        expected[f"u{user}"] = (whole - margins_anew(without, margins, 2.0)).mean()
    assert valued.by_player.players["user"].to_pylist() == list(expected)
    np.testing.assert_allclose(valued.by_player.value, list(expected.values()), rtol=0, atol=1e-9)
    np.testing.assert_allclose(valued.values.value.sum(), sum(expected.values()), atol=1e-9)


def test_a_repeated_interaction_is_worth_nothing():
    train = [(0, 0), (0, 1), (1, 1), (2, 0), (0, 1), (2, 2)]
    found = EaseLeaveOneOut().value(Valuing(split_of(train, [(1, 0), (2, 1)], (3, 4)))).values
    assert found.value[1] == found.value[4] == 0
    assert (found.value[[0, 2, 3, 5]] != 0).all()


def test_values_are_the_same_in_any_tasks_and_order_of_completion(monkeypatch):
    split = random_split(3, (25, 12))
    expected = EaseLeaveOneOut().value(Valuing(split)).values
    monkeypatch.setattr(ease_leave_one_out, "_USERS_A_TASK", 4)
    found = EaseLeaveOneOut().value(Valuing(split, executor=Backwards())).values
    np.testing.assert_array_equal(found.value, expected.value)


def test_unwanted_items_are_in_neither_part():
    split = random_split(5, (15, 12), density=0.6)
    margins = Margins.drawn(split, 50, 0)
    known = {(u, i) for part in (split.train, split.valid) for u, i in zip(part.user, part.item, strict=True)}
    for place, user in enumerate(margins.users):
        rows = slice(margins.indptr[place], margins.indptr[place + 1])
        drawn = set(margins.unwanted[rows].ravel())
        assert drawn == {item for item in range(12) if (user, item) not in known}
        held = set(split.valid.item[split.valid.user == user]) - set(split.train.item[split.train.user == user])
        assert set(margins.wanted[rows]) == held


def test_what_cannot_work_is_told(monkeypatch):
    with pytest.raises(DataError, match="judged by validation interactions, and there are none"):
        EaseLeaveOneOut().check(split_of([(0, 0)], [], (1, 2)))
    with pytest.raises(DataError, match="there are none"):
        EaseLeaveOneOut().value(Valuing(split_of([(0, 0)], [(0, 0)], (1, 2))))
    monkeypatch.setattr(leave_one_out, "EASE_ITEMS", 1)
    with pytest.raises(DataError, match="up to 1 items; found 2"):
        EaseLeaveOneOut().check(split_of([(0, 0)], [(0, 1)], (1, 2)))
