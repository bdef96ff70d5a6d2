from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recval.data import filtered, from_frame
from recval.errors import DataError


def brute_force(rows, min_rating, min_per_user, min_per_item):
    """Drop one offending row after the other until none is left; the order does not matter."""
    rows = [row for row in rows if row[2] >= min_rating]
    while True:
        users, items = [row[0] for row in rows], [row[1] for row in rows]
        for row in rows:
            if users.count(row[0]) < min_per_user or items.count(row[1]) < min_per_item:
                rows.remove(row)
                break
        else:
            return rows


rated = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 7), st.integers(1, 5)),
    min_size=1,
    max_size=45,
    unique_by=lambda row: row[:2],
)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(rated, st.integers(1, 5), st.integers(1, 4), st.integers(1, 4))
def test_filters_equal_brute_force(rows, min_rating, min_per_user, min_per_item):
    interactions = from_frame(pd.DataFrame(rows, columns=["user", "item", "rating"]), rating="rating")
    thresholds = {"min_rating": min_rating, "min_per_user": min_per_user, "min_per_item": min_per_item}
    expected = brute_force(list(rows), *thresholds.values())
    if not expected:
        with pytest.raises(DataError) as raised:
            filtered(interactions, **thresholds)
        assert str(raised.value) == (
            f"no interactions are left of {len(rows)} after filtering with min_rating={min_rating}, "
            f"min_per_user={min_per_user}, min_per_item={min_per_item}"
        )
        return
    kept = filtered(interactions, **thresholds)
    assert list(map(tuple, kept.to_frame().to_numpy().astype(int))) == expected
    assert kept.users.ids.to_pylist() == sorted({row[0] for row in expected})
    assert kept.items.ids.to_pylist() == sorted({row[1] for row in expected})


def test_fields_go_with_their_users_and_items():
    interactions = from_frame(
        pd.DataFrame({"user": [1, 1, 2], "item": ["x", "y", "x"]}),
        item_fields=pd.DataFrame({"item": ["y", "x"], "title": ["Why", "Ex"]}),
        user_fields=pd.DataFrame({"user": [1, 2], "age": [10, 20]}),
    )
    kept = filtered(interactions, min_per_item=2)
    assert kept.items.ids.to_pylist() == ["x"]
    assert kept.items.fields.to_pydict() == {"title": ["Ex"]}
    assert filtered(interactions, min_per_user=2).users.fields.to_pydict() == {"age": [10]}


def test_what_obeys_already_is_left_as_it_is():
    interactions = from_frame(pd.DataFrame({"user": np.repeat([1, 2], 2), "item": [1, 2, 1, 2]}))
    assert filtered(interactions, min_per_user=2, min_per_item=2) is interactions


def test_ratings_are_needed_to_filter_by_them():
    interactions = from_frame(pd.DataFrame({"user": [1], "item": [1]}))
    with pytest.raises(DataError, match="the interactions have no column 'rating'; they have user, item"):
        filtered(interactions, min_rating=3)
