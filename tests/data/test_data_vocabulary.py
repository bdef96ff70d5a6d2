from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recval.data import Interactions, Split, Vocabulary, from_frame
from recval.errors import DataError

NUMBERS = Vocabulary(pa.array([3, 1, 2]))
TEXTS = Vocabulary(pa.array(["3", "1", "02", "ä"]))


@settings(deadline=None, derandomize=True)
@given(st.lists(st.text() | st.integers(0, 2**60).map(str), unique=True, min_size=1), st.data())
def test_names_and_codes_are_each_other_s_inverse(ids, data):
    vocabulary = Vocabulary(pa.array(ids, pa.string()))
    codes = data.draw(st.lists(st.integers(0, len(ids) - 1)))
    assert vocabulary.names(codes) == [ids[code] for code in codes]
    assert vocabulary.codes(vocabulary.names(codes)).tolist() == codes
    assert len(vocabulary) == len(ids)


@pytest.mark.parametrize(
    "ids",
    [
        [1, 3],
        ["1", "3"],
        [1.0, 3.0],
        np.array([1, 3], np.int32),
        pd.Series([1, 3], index=[7, 8]),
        pa.array([1, 3]),
        pa.chunked_array([[1], [3]]),
        (np.int64(1), np.int64(3)),
    ],
)
def test_numbers_find_text_and_text_finds_numbers(ids):
    assert NUMBERS.codes(ids).tolist() == [1, 0]
    assert TEXTS.codes(ids).tolist() == [1, 0]
    assert TEXTS.codes(ids).dtype == np.int64


def test_text_with_leading_zeros_is_not_found_by_its_number():
    assert TEXTS.find(["02", "2"]).tolist() == [2, -1]
    assert TEXTS.find([2]).tolist() == [-1]


def test_no_ids_have_no_codes():
    assert NUMBERS.codes([]).tolist() == []
    assert TEXTS.names([]) == []


@pytest.mark.parametrize(
    ("vocabulary", "ids", "message"),
    [
        (NUMBERS, [1, 9, 8], "unknown id 9: it is not among the 3 known ones"),
        (NUMBERS, np.array([1, 9]), "unknown id 9: it is not among the 3 known ones"),
        (NUMBERS, pd.Series([1, 9], index=[9, 1]), "unknown id 9: it is not among the 3 known ones"),
        (NUMBERS, pa.chunked_array([[1], [9]]), "unknown id 9: it is not among the 3 known ones"),
        (NUMBERS, [1, None], "unknown id None: it is not among the 3 known ones"),
        (TEXTS, ["1", "z"], "unknown id 'z': it is not among the 4 known ones"),
        (NUMBERS, ["z"], "ids must be of the type int64, as in the data: "),
        (NUMBERS, [1.5], "ids must be of the type int64, as in the data: "),
        (NUMBERS, [2**70], "ids must be of the type int64, as in the data: "),
        (NUMBERS, [1, "a"], "ids must be of the type int64, as in the data: "),
        (TEXTS, [{}], "ids must be of the type string, as in the data: "),
        (TEXTS, [object()], "ids must be of the type string, as in the data: "),
    ],
)
def test_ids_that_are_unknown_or_of_another_type(vocabulary, ids, message):
    with pytest.raises(DataError) as raised:
        vocabulary.codes(ids)
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def test_counts_and_rows_of_interactions(interactions):
    table = interactions([(0, 2), (2, 0), (0, 1)], 4, 3)
    assert (len(table), table.user_counts().tolist(), table.item_counts().tolist()) == (3, [2, 0, 1, 0], [1, 1, 1])
    assert table.take(np.array([2, 0])).item.tolist() == [1, 2]
    assert table.take(np.array([True, False, True])).item.tolist() == [2, 1]
    assert table.take(np.array([False] * 3)).user_counts().tolist() == [0, 0, 0, 0]
    with pytest.raises(DataError, match="have no column 'rating'; they have user, item"):
        table.column("rating")


def test_the_parts_of_a_split_share_their_vocabularies_and_can_be_trained_on(interactions):
    some, other, none = interactions([(0, 0)], 2, 2), interactions([(0, 0)], 2, 3), interactions([], 2, 2)
    with pytest.raises(DataError, match="must share their users and items"):
        Split(some, some, other)
    with pytest.raises(DataError, match="must share their users and items"):
        Split(some, other, some)
    with pytest.raises(DataError, match="no interactions are left to train on"):
        Split(none, some, some)
    assert Split(some, none, none).users is some.users


def test_a_frame_without_rows_can_still_be_one_of_interactions():
    table = from_frame(pd.DataFrame({"user": ["a"], "item": [1]})).take(np.array([], int))
    assert isinstance(table, Interactions)
    assert table.to_frame().to_dict("list") == {"user": [], "item": []}
