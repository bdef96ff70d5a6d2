from __future__ import annotations

import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

from recval.errors import ConfigError, DataError, RecvalError
from recval.uplift import Differences, FeatureEncoder


def message_of(call, *arguments, error=DataError, **keywords):
    with pytest.raises(RecvalError) as raised:
        call(*arguments, **keywords)
    assert type(raised.value) is error
    assert "\n" not in str(raised.value)
    return str(raised.value)


def encoded(training, rows=None):
    """Encode rows by training columns, through JSON, and return the numbers and the codes."""
    state = json.loads(json.dumps(FeatureEncoder.fit(training).state(), allow_nan=False))
    found = FeatureEncoder.from_state(state).encode(training if rows is None else rows)
    assert found.numeric.dtype == np.float32
    assert found.codes.dtype == np.int64
    assert np.isfinite(found.numeric).all()
    return found.numeric, found.codes


def column(values, rows=None, dtype=None):
    """Encode one column, and return what becomes of it."""
    training = pd.DataFrame({"x": pd.Series(values, dtype=dtype)})
    numeric, codes = encoded(training, None if rows is None else pd.DataFrame({"x": rows}))
    return codes[:, 0].tolist() if codes.size else numeric.round(6).T.tolist()


@settings(deadline=None, derandomize=True, max_examples=50)
@given(
    st.lists(
        st.tuples(st.floats(-1e6, 1e6, width=32), st.sampled_from(["b", "a", "ä", "10", "9", " "])),
        min_size=2,
        max_size=40,
    ),
    st.integers(1, 40),
)
def test_encoding_is_that_of_scikit_learn(rows, fitted):
    frame = pd.DataFrame(rows, columns=["x", "c"])
    training = frame.iloc[:fitted]
    numeric, codes = encoded(training, frame)
    if training["x"].nunique() > 1:
        expected = StandardScaler().fit(training[["x"]]).transform(frame[["x"]])
        np.testing.assert_allclose(numeric, expected.astype(np.float32), rtol=1e-5, atol=1e-5)
    else:
        assert not numeric.any()
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1).fit(training[["c"]])
    assert (codes == ordinal.transform(frame[["c"]]) + 1).all()


def test_missing_numbers_are_the_mean_and_indicated_where_training_had_any():
    values = [1.0, np.nan, 3.0, 5.0]
    deviation = np.std([1, 3, 5])
    assert column(values) == [pytest.approx([-2 / deviation, 0, 0, 2 / deviation]), [0, 1, 0, 0]]
    assert column([1.0, 3, 5], [np.nan, 5]) == [[0, pytest.approx(2 / deviation)]]
    encoder = FeatureEncoder.fit(pd.DataFrame({"a": values, "b": range(4), "c": values}))
    assert encoder.numeric_names == ("a", "b", "c", "a missing", "c missing")
    assert encoder.n_numeric == 5


def test_indicators_stand_with_their_own_columns():
    frame = pd.DataFrame({"a": [1, np.nan, 3], "b": [1.0, 2, 3], "c": [np.nan, 2, 5]})
    numeric, _ = encoded(frame)
    assert numeric[:, 3:].tolist() == [[0, 1], [1, 0], [0, 0]]


def test_a_constant_column_is_zero_whatever_comes_later():
    assert column([7, 7, 7]) == [[0, 0, 0]]
    assert column([0.1] * 10, [0.1, 1e9, np.nan]) == [[0, 0, 0]]
    assert column([7, np.nan, 7], [1e9, np.nan]) == [[0, 0], [0, 1]]


def test_a_column_that_is_missing_throughout_is_left_out():
    for empty in ([None, None], [np.nan, np.nan], [pd.NaT, pd.NaT]):
        frame = pd.DataFrame({"x": [1, 2], "empty": empty})
        encoder = FeatureEncoder.fit(frame)
        assert (encoder.n_numeric, encoder.cardinalities, encoder.unused) == (1, (), ("empty",))
        assert encoder.differences(pd.DataFrame({"x": [1], "empty": ["now"]})) == []
        assert encoder.differences(pd.DataFrame({"x": [1]})) == []


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2, 4], np.int8),
        ([1, 2, 4], "Int64"),
        ([1, 2, 4], "Float32"),
        ([1, 2, 4], object),
        ([Decimal(1), Decimal(2), Decimal(4)], object),
        ([1, 2, 4], "int64[pyarrow]"),
        ([1, 2, 4], np.uint64),
    ],
)
def test_numbers_of_any_type_are_the_same_numbers(values, dtype):
    assert column(values, dtype=dtype) == column([1.0, 2.0, 4.0])
    assert column([1.0, 2.0, 4.0], pd.Series(values, dtype=dtype)) == column([1.0, 2.0, 4.0])


@pytest.mark.parametrize("dtype", [bool, "boolean", object, int])
def test_true_and_false_are_one_and_zero(dtype):
    assert column([True, False, True], dtype=dtype) == column([1, 0, 1])
    assert column([1, 0, 1], pd.Series([True, False, True], dtype=dtype)) == column([1, 0, 1])


@pytest.mark.parametrize("dtype", ["Int64", "boolean", object, "double[pyarrow]"])
def test_missing_values_of_nullable_types_are_missing(dtype):
    assert column([1, None, 0], dtype=dtype) == column([1.0, np.nan, 0.0])


@pytest.mark.parametrize(
    "dtype", [object, "string", "category", "string[pyarrow]", pd.CategoricalDtype(["c", "b", "a", "z"])]
)
def test_text_of_any_type_has_the_same_codes(dtype):
    text = ["b", None, "a", "c"]
    assert column(text, dtype=dtype) == [2, 0, 1, 3]
    assert column(["b", "a", "c"], pd.Series([*text, "z"], dtype=dtype)) == [2, 0, 1, 3, 0]


def test_only_categories_that_training_shows_count():
    dtype = pd.CategoricalDtype(["x", "y", "z"])
    assert FeatureEncoder.fit(pd.DataFrame({"x": pd.Series(["z", "x"], dtype=dtype)})).cardinalities == (3,)


def test_whole_numbers_that_are_categories_are_found_as_float_and_as_text():
    assert column([30, 4, 30], dtype="category") == [1, 2, 1]
    assert column([30, 4, 30], [30.0, 4.0, np.nan, 5.5], dtype="category") == [1, 2, 0, 0]
    assert column([30, 4, 30], ["30", "4", "04"], dtype="category") == [1, 2, 0]


def test_integers_read_as_floats_are_the_same_numbers():
    assert column([1, 2, 3], [1.0, 2.0, 3.0]) == column([1, 2, 3])


@pytest.mark.parametrize("bad", [np.inf, -np.inf, 1e300])
def test_what_no_float32_can_hold_counts_as_missing(bad):
    assert column([1.0, np.nan, 2.0], [bad, 1.0]) == [[0, -1], [1, 0]]
    assert column([1.0, 2.0], [bad, 1.0]) == [[0, -1]]


def test_an_array_has_columns_by_their_places():
    numeric, codes = encoded(np.array([[1, 10], [3, 30]]), pd.DataFrame({"x1": [30], "x0": [3]}))
    assert numeric.tolist() == [[1, 1]]
    assert codes.shape == (1, 0)


def test_columns_are_found_by_name_and_rows_one_by_one():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=9), "c": rng.choice(["u", "v"], 9), "b": rng.random(9) > 0.5})
    encoder = FeatureEncoder.fit(frame)
    whole = encoder.encode(frame)
    shuffled = encoder.encode(frame[["b", "a", "c"]].assign(more=1))
    assert (whole.numeric == shuffled.numeric).all()
    assert (whole.codes == shuffled.codes).all()
    for row in range(9):
        single = encoder.encode(frame.iloc[[row]])
        assert (single.numeric == whole.numeric[row]).all()
        assert (single.codes == whole.codes[row]).all()


def test_no_rows_are_encoded_as_no_rows():
    frame = pd.DataFrame({"a": [1.0, 2.0], "c": ["x", "y"]})
    found = FeatureEncoder.fit(frame).encode(frame.iloc[:0])
    assert len(found) == 0
    assert (found.numeric.shape, found.codes.shape) == ((0, 1), (0, 1))


def test_state_survives_json_to_the_last_bit():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"a": rng.normal(size=99) * np.pi, "b": [None, *"ü1"] * 33, "c": [None] * 99, "d": 1 / 3})
    encoder = FeatureEncoder.fit(frame)
    again = FeatureEncoder.from_state(json.loads(json.dumps(encoder.state(), allow_nan=False)))
    assert again == encoder
    assert (again.encode(frame).numeric == encoder.encode(frame).numeric).all()
    assert again.kinds == {"a": "number", "b": "category", "d": "number"}


def test_a_damaged_state_is_refused():
    state = FeatureEncoder.fit(pd.DataFrame({"a": [1, 2]})).state()
    state["columns"][0]["mean"] = "high"
    assert "columns.0.mean" in message_of(FeatureEncoder.from_state, state, error=ConfigError)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1.0, np.inf], "the column 'x', row 1: an infinite number"),
        ([1e200, -1e200], "the column 'x' holds numbers too large to be scaled, up to 1e+200"),
        (pd.to_datetime(["2020-01-01", "2021-01-01"]), "the column 'x' holds datetime64, which is neither number nor"),
        (pd.to_timedelta([1, 2]), "the column 'x' holds timedelta"),
        ([1j, 2j], "the column 'x' holds complex"),
        ([[1], [2]], "the column 'x' holds [1], which is neither number nor text"),
        ([b"a", b"b"], "the column 'x' holds bytes"),
        ([None, None], "every one of 1 columns is missing throughout"),
        ([], "the features have no row"),
    ],
)
def test_columns_that_cannot_be_encoded_are_refused_in_training(values, said):
    assert said in message_of(FeatureEncoder.fit, pd.DataFrame({"x": values}))


TRAINING = pd.DataFrame(
    {"age": [20, 30, 40], "spend": [1.0, np.nan, 3.0], "town": ["a", "b", "a"], "shop": ["x", None, "y"]}
)


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({}, []),
        ({"spend": np.nan, "shop": None}, []),
        ({"age": None}, ["the column 'age': 3 values missing, which none was in training; they count as the mean"]),
        (
            {"age": [1, np.nan, 2]},
            ["the column 'age': 1 value missing, which none was in training; they count as the mean"],
        ),
        (
            {"town": [None, "a", None]},
            ["the column 'town': 2 values missing, which none was in training; they count as unseen categories"],
        ),
        ({"spend": [np.inf, 1, -np.inf]}, ["the column 'spend': 2 values infinite; they count as missing"]),
        (
            {"town": ["c", "a", "d"]},
            ["the column 'town': 2 values of a category that training did not show ('c', 'd'); they count as missing"],
        ),
        (
            {"town": [1, 2, 3]},
            [
                "the column 'town': 3 values of a category that training did not show ('1', '2', '3'); they count as "
                "missing"
            ],
        ),
        ({"age": ["20", "old", "40"]}, ["the column 'age' holds text ('20'); it held numbers in training"]),
        (
            {"more": 1, "x": 2},
            [f"the column {name!r} was not there in training; it is ignored" for name in ("more", "x")],
        ),
        (
            {"age": ["a", "b", "c"], "town": "z", "spend": np.inf, "extra": 0},
            [
                "the column 'extra' was not there in training; it is ignored",
                "the column 'age' holds text ('a'); it held numbers in training",
                "the column 'spend': 3 values infinite; they count as missing",
                "the column 'town': 3 values of a category that training did not show ('z'); they count as missing",
            ],
        ),
    ],
)
def test_each_difference_to_training_is_one_line(changes, lines):
    encoder = FeatureEncoder.fit(TRAINING)
    assert encoder.differences(TRAINING.assign(**changes)) == lines


def test_missing_columns_are_told_and_refused():
    encoder = FeatureEncoder.fit(TRAINING)
    assert encoder.differences(TRAINING[["spend", "town"]]) == [
        "the column 'age' is missing; training had it",
        "the column 'shop' is missing; training had it",
    ]
    said = message_of(encoder.encode, TRAINING[["spend", "town"]])
    assert said == "the features have no column 'age', which training had (and 1 more)"


def test_text_in_place_of_numbers_is_refused():
    said = message_of(FeatureEncoder.fit(TRAINING).encode, TRAINING.assign(age="old"))
    assert said == "the column 'age' holds text ('old'); it held numbers in training"


def test_differences_add_up_over_chunks():
    encoder = FeatureEncoder.fit(TRAINING)
    rng = np.random.default_rng(5)
    rows = pd.DataFrame(
        {
            "age": np.where(rng.random(200) < 0.2, np.nan, 1.0),
            "spend": np.where(rng.random(200) < 0.2, np.inf, 1.0),
            "town": rng.choice(list("abcdefgh"), 200),
            "shop": None,
            "extra": 1,
        }
    )
    found = Differences(encoder)
    for start in range(0, 200, 17):
        found.add(rows.iloc[start : start + 17])
    assert found.lines() == encoder.differences(rows)
    assert len(found.lines()) == 4
    assert f"{int(np.isinf(rows['spend']).sum())} values infinite" in found.lines()[2]
