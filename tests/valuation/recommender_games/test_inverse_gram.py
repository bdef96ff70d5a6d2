import os

import numpy as np
import pytest

from recval.data import load, split_by_ratio
from recval.valuation.recommender_games import inverse_gram
from recval.valuation.recommender_games.cells import Cells, entries
from recval.valuation.recommender_games.inverse_gram import InverseGram

N_USERS, N_ITEMS, REGULARISATION = 30, 40, 3.0


@pytest.fixture
def cells(interactions):
    drawn = np.random.default_rng(0).integers((N_USERS, N_ITEMS), size=(300, 2))
    return Cells(interactions(drawn, N_USERS, N_ITEMS))


def expected(cells, kept):
    matrix = np.zeros((N_USERS, N_ITEMS))
    matrix[cells.user[kept], cells.item[kept]] = 1
    inverse = np.linalg.inv(matrix.T @ matrix + REGULARISATION * np.eye(N_ITEMS))
    return matrix @ inverse, inverse.diagonal()


def assert_right(gram, cells, kept):
    products, diagonal = expected(cells, kept)
    np.testing.assert_allclose(gram.products, products, atol=1e-11, rtol=0)
    np.testing.assert_allclose(gram.diagonal, diagonal, atol=1e-11, rtol=0)


def walks(cells):
    """Masks as games ask for them: users that come, in turns with users that go; cells at random; all, none, one."""
    generator = np.random.default_rng(1)
    order = generator.permutation(N_USERS)
    n = len(cells)
    return {
        "users come": [np.isin(cells.user, order[:count]) for count in range(N_USERS + 1)],
        "users go": [np.isin(cells.user, order[count:]) for count in range(N_USERS + 1)],
        "leave one out": [cells.user != user for user in order],
        "cells come": list(np.arange(n)[:, None] >= generator.permutation(n)),
        "at random": list(generator.random((30, n)) < generator.random((30, 1))),
        "all and none": [np.full(n, number % 2 == 0) for number in range(5)],
        "items": [cells.item != item for item in range(N_ITEMS)],
    }


@pytest.mark.parametrize(
    "walk", ["users come", "users go", "leave one out", "cells come", "at random", "all and none", "items"]
)
@pytest.mark.parametrize(("updates", "pending"), [(1024, 64), (1024, 0), (7, 3), (0, 64)])
def test_every_step_of_a_walk_is_the_inverse(cells, monkeypatch, walk, updates, pending):
    monkeypatch.setattr(inverse_gram, "UPDATES", updates)
    monkeypatch.setattr(inverse_gram, "_PENDING", pending)
    gram = InverseGram(cells, REGULARISATION)
    for kept in walks(cells)[walk]:
        gram.move_to(kept)
        assert_right(gram, cells, kept)


@pytest.mark.slow
@pytest.mark.skipif("RECVAL_DATA" not in os.environ, reason="RECVAL_DATA does not name the folder of the data sets")
def test_updates_do_not_drift_on_real_data():
    cells = Cells(split_by_ratio(load("ml-100k")).train)
    place = np.random.default_rng(0).permutation(cells.shape[0])
    gram = InverseGram(cells, 100.0)
    for count in range(1, len(place)):
        gram.move_to(place[cells.user] < count)
    assert gram._updates == len(place) - 1
    updated = gram.products / gram.diagonal
    gram._invert(gram.matrix)
    assert np.abs(updated - gram.products / gram.diagonal).max() < 1e-12


def test_a_user_that_comes_is_an_update_and_many_are_an_inversion(cells):
    gram = InverseGram(cells, REGULARISATION)
    masks = walks(cells)["users come"]
    gram.move_to(masks[1])
    gram.move_to(masks[2])
    assert gram._updates == 2
    gram.move_to(np.ones(len(cells), bool))
    assert gram._updates == 0


def test_rows_that_stand_twice_are_one_cell_kept_by_either(interactions):
    cells = Cells(interactions([(1, 0), (0, 1), (1, 0)], 2, 2))
    assert len(cells) == 2
    rows = [[True, False, False], [False, False, True], [True, False, True], [False, True, False]]
    kept = [cells.matrix(cells.kept(np.array(row))).toarray().tolist() for row in rows]
    assert kept == [[[0, 0], [1, 0]]] * 3 + [[[0, 1], [0, 0]]]


def test_entries_are_those_of_the_rows(cells):
    matrix = cells.matrix(np.arange(len(cells)) % 3 > 0)
    users = np.array([5, 0, 5, N_USERS - 1])
    found = np.zeros((4, N_ITEMS))
    found[entries(matrix, users)] = 1
    assert found.tolist() == matrix.toarray()[users].tolist()
