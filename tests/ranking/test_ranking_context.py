from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from recval.data import Vocabulary
from recval.errors import ConfigError
from recval.ranking import Context


def items(**fields):
    table = pa.table(fields)
    return Context(items=Vocabulary(pa.array(range(len(table))), table))


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["a b", "b", None, "", "  c  a "]),
        pa.array(["a b", "b", None, "", " c a"], pa.large_string()),
        pa.array([["a", "b"], ["b", None, "b"], None, [], ["c", "a"]]),
        pa.array(["a b", "b", None, "", "c a"]).dictionary_encode(),
    ],
    ids=["text", "large text", "lists", "dictionary"],
)
def test_categories(values):
    found = items(genre=values).categories("genre").toarray()
    assert found.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0], [1, 0, 1]]


def test_other_values_are_one_category_each():
    assert items(year=[1995, None, 1996, 1995]).categories("year").toarray().tolist() == [
        [1, 0],
        [0, 0],
        [0, 1],
        [1, 0],
    ]


def test_a_field_without_any_value_has_no_category():
    assert items(genre=pa.array([None, ""], pa.string())).categories("genre").shape == (2, 0)


def test_directions_have_length_1():
    context = items(genre=["a b", "b", ""], vector=[[3.0, 4.0], None, [0.0, 0.0]])
    np.testing.assert_allclose(context.directions("genre").toarray(), [[0.5**0.5, 0.5**0.5], [0, 1], [0, 0]])
    np.testing.assert_allclose(context.directions("vector"), [[0.6, 0.8], [0, 0], [0, 0]])


def test_vectors_of_a_field_must_be_of_one_length():
    with pytest.raises(ConfigError, match="'vector' must be finite and of one length"):
        items(vector=[[1.0], [1.0, 2.0]]).directions("vector")


def test_groups():
    fields = pa.table({"gender": ["F", None, "M", "F"], "age": [20, 30, 20, 20]})
    context = Context(users=Vocabulary(pa.array(range(4)), fields))
    assert context.user_groups("gender").tolist() == [0, -1, 1, 0]
    assert context.user_groups("age").tolist() == [0, 1, 0, 0]
    assert context.user_groups("age") is context.user_groups("age")


def test_what_is_missing_is_named():
    with pytest.raises(ConfigError, match="the metric needs the items"):
        Context().categories("genre")
    with pytest.raises(ConfigError, match=r"unknown user field 'gender' \(allowed: none\)"):
        Context(users=Vocabulary(pa.array([1]))).user_groups("gender")
