from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recval.errors import DataError
from recval.ranking import ItemSets

PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=40)


@given(first=PAIRS, second=PAIRS, users=st.lists(st.integers(0, 4), max_size=8))
@settings(deadline=None, derandomize=True)
def test_equals_python_sets(interactions, first, second, users):
    sets = ItemSets.of(interactions(first, 5, 7), interactions(second, 5, 7))
    expected = [{item for user, item in first + second if user == u} for u in range(5)]
    assert sets.counts.tolist() == [len(items) for items in expected]
    assert sets.nonempty().tolist() == [u for u in range(5) if expected[u]]
    assert sets.nonempty(users).tolist() == sorted({u for u in users if expected[u]})

    users = np.asarray(users, np.int64)
    rows, columns = sets.cells(users)
    assert list(zip(rows, columns, strict=True)) == [(r, i) for r, u in enumerate(users) for i in sorted(expected[u])]

    items = np.tile(np.arange(-1, 7), (len(users), 1))
    assert sets.contains(users, items).tolist() == [[i in expected[u] for i in range(-1, 7)] for u in users]


def test_padding_is_not_the_last_item_of_the_user_before(interactions):
    sets = ItemSets.of(interactions([(0, 2)], 2, 3))
    assert not sets.contains(np.array([1]), np.array([[-1]])).any()


@pytest.mark.parametrize(("n_users", "n_items"), [(3, 2), (2, 3)])
def test_tables_of_other_data_are_refused(interactions, n_users, n_items):
    with pytest.raises(DataError, match="share their users and items"):
        ItemSets.of(interactions([(0, 0)], 2, 2), interactions([(0, 0)], n_users, n_items))
