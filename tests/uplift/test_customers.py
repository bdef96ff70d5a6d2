from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recval.errors import ConfigError, DataError, RecvalError
from recval.uplift import Customers

FRAME = pd.DataFrame(
    {
        "age": [30.0, np.nan, 51, 44],
        "town": ["a", "b", None, "a"],
        "arm": ["no", "mail", "no", "call"],
        "y": [0, 9, 2, 0],
    }
)


def message_of(call, *arguments, error=DataError, **keywords):
    with pytest.raises(RecvalError) as raised:
        call(*arguments, **keywords)
    assert type(raised.value) is error
    assert "\n" not in str(raised.value)
    return str(raised.value)


def of(treatment, response=(0, 3.5, 1, 0), features=None, **keywords):
    return Customers.of(np.zeros((4, 1)) if features is None else features, treatment, response, **keywords)


@pytest.mark.parametrize(
    ("treatment", "keywords", "arms", "arm"),
    [
        ([0, 1, 1, 0], {}, ("0", "1"), [0, 1, 1, 0]),
        (np.array([False, True, True, False]), {}, ("0", "1"), [0, 1, 1, 0]),
        ([0.0, 1.0, 1.0, 0.0], {}, ("0", "1"), [0, 1, 1, 0]),
        ([10, 0, 9, 0], {}, ("0", "9", "10"), [2, 0, 1, 0]),
        ([1, 2, 2, 1], {"control": 2}, ("2", "1"), [1, 0, 0, 1]),
        (["b", "Control", "a", "b"], {}, ("Control", "a", "b"), [2, 0, 1, 2]),
        (["b", "c", "a", "b"], {"control": "c"}, ("c", "a", "b"), [2, 0, 1, 2]),
        (pd.Categorical(["b", "c", "b", "b"], ["a", "b", "c"]), {"control": "c"}, ("c", "b"), [1, 0, 1, 1]),
        (["b", "c", "a", "b"], {"arms": ["c", "b", "a"]}, ("c", "b", "a"), [1, 0, 2, 1]),
        (["1", 0, 1, "0"], {}, ("0", "1"), [1, 0, 1, 0]),
        (pd.Series([1, 0, 0, 1], index=[7, 7, 8, 9], dtype="Int64"), {}, ("0", "1"), [1, 0, 0, 1]),
    ],
)
def test_arms_are_numbered_from_the_control(treatment, keywords, arms, arm):
    customers = of(treatment, **keywords)
    assert customers.arms == arms
    assert customers.arm.dtype == np.int64
    assert customers.arm.tolist() == arm
    assert customers.sizes == {name: arm.count(place) for place, name in enumerate(arms)}


def test_a_frame_gives_its_other_columns_as_features():
    customers = Customers.from_frame(FRAME, treatment="arm", response="y", control="no")
    pd.testing.assert_frame_equal(customers.features, FRAME[["age", "town"]])
    assert customers.arms == ("no", "call", "mail")
    assert customers.arm.tolist() == [0, 2, 0, 1]
    assert customers.response.tolist() == [0, 9, 2, 0]
    chosen = Customers.from_frame(FRAME, treatment="arm", response="y", control="no", features=["town"])
    assert list(chosen.features) == ["town"]


def test_the_index_of_a_frame_does_not_matter():
    shuffled = FRAME.set_axis([3, 3, 0, 1])
    first, second = (
        Customers.from_frame(frame, treatment="arm", response="y", control="no") for frame in (FRAME, shuffled)
    )
    pd.testing.assert_frame_equal(first.features, second.features)
    pd.testing.assert_frame_equal(
        first.take([2, 0]).features, FRAME[["age", "town"]].iloc[[2, 0]].reset_index(drop=True)
    )


@pytest.fixture
def known():
    """Ten customers in three arms with truth and propensity, each row recognisable by its numbers."""
    rows = np.arange(10.0)
    propensity = np.column_stack([np.full(10, 0.5), rows / 20, 0.5 - rows / 20])
    features = pd.DataFrame({"row": rows})
    return Customers(
        features, np.arange(10) % 3, 100 + rows, ("no", "a", "b"), np.column_stack([rows, -rows]), propensity
    )


@pytest.mark.parametrize("rows", [np.array([7, 0, 7]), np.isin(np.arange(10), [2, 5]), np.array([], int)])
def test_take_keeps_rows_together(known, rows):
    taken = known.take(rows)
    expected = np.arange(10)[rows]
    assert len(taken) == len(expected)
    assert taken.features["row"].tolist() == expected.tolist()
    assert taken.features.index.tolist() == list(range(len(expected)))
    assert (taken.arm == expected % 3).all()
    assert (taken.response == 100 + expected).all()
    assert (taken.truth == known.truth[expected]).all()
    assert (taken.propensity == known.propensity[expected]).all()
    assert taken.arms == known.arms


@pytest.mark.parametrize("arm", [1, 2])
def test_against_control_leaves_two_arms(known, arm):
    pair = known.against_control(arm)
    rows = np.flatnonzero(np.isin(np.arange(10) % 3, (0, arm)))
    assert pair.arms == ("no", known.arms[arm])
    assert pair.features["row"].tolist() == rows.tolist()
    assert (pair.arm == (rows % 3 == arm)).all()
    assert (pair.truth[:, 0] == known.truth[rows, arm - 1]).all()
    odds = known.propensity[rows, arm] / known.propensity[rows, 0]
    np.testing.assert_allclose(pair.propensity[:, 1] / pair.propensity[:, 0], odds)
    np.testing.assert_allclose(pair.propensity.sum(axis=1), 1)


@pytest.mark.parametrize("arm", [0, 3, -1])
def test_an_arm_that_is_no_treatment_is_refused(known, arm):
    assert (
        message_of(known.against_control, arm, error=ConfigError) == f"arm must be 1 to 2, got {arm} (arms: no, a, b)"
    )


@pytest.mark.parametrize(
    ("treatment", "keywords", "said"),
    [
        ([0, 0.5, 1, 0], {}, "a treatment must be 0, 1, … or the name of an arm, got 0.5"),
        ([0, np.nan, 1, np.nan], {}, "the treatment, row 1: it is missing (and 1 more rows)"),
        (["a", None, "control", "a"], {}, "the treatment, row 1: it is missing"),
        ([1, 2, 2, 1], {}, "none of the arms 1, 2 is called 0 or control; name the one that is the control"),
        ([-1, 1, 1, -1], {}, "none of the arms -1, 1 is called 0 or control"),
        (["control", 0, 1, 1], {}, "2 of the arms 0, 1, control"),
        ([1, 1, 1, 1], {"control": 0}, "no customer is in the control: unknown arm '0' (allowed: 1)"),
        ([1, 1, 1, 1], {}, "none of the arms 1 is called 0 or control"),
        ([0, 0, 0, 0], {}, "every customer is in the arm '0'; a control and a treated arm are needed"),
        (["no", "mial", "no", "mail"], {"arms": ("no", "mail")}, "row 1: unknown arm 'mial', did you mean 'mail'?"),
        (["no", "a", "no", "a"], {"arms": ("no", "a", "b")}, "the arm 'b' has no customer (found: a, no)"),
        (["a", "b", "b", "a"], {"control": "c"}, "unknown arm 'c'"),
        ([0, 1, 1], {}, "must have as many rows, got 4, 3 and 4"),
        ([[0], [1], [1], [0]], {}, "the treatment must be one value for each customer, got an array of shape (4, 1)"),
        (
            [0, 1, 1, 0],
            {"response": [0, 1, np.nan, np.inf]},
            "the response, row 2: nan is no finite number (and 1 more",
        ),
        ([0, 1, 1, 0], {"response": [0, 1, 2, -np.inf]}, "the response, row 3: -inf is no finite number"),
        ([0, 1, 1, 0], {"response": [0, 0, 0, 0]}, "the response is 0 for every customer"),
        ([0, 1, 1, 0], {"response": ["0,5", "1", "2", "0"]}, "numbers, such as 12.5, got text: '0,5' in row 0"),
        ([0, 1, 1, 0], {"response": pd.date_range("2024", periods=4)}, "must be numbers, such as 12.5, got datetime64"),
        ([0, 1, 1, 0], {"response": [1, 2, 3]}, "must have as many rows, got 4, 4 and 3"),
        ([0, 1, 1, 0], {"features": np.zeros((4, 0))}, "the features have no column"),
        ([0, 1, 1, 0], {"features": np.zeros(4)}, "must be a table of rows and columns, got an array of shape (4,)"),
        ([0, 1, 1, 0], {"features": pd.DataFrame(np.zeros((4, 2)), columns=["a", "a"])}, "two columns named 'a'"),
    ],
)
def test_bad_input_is_refused_in_one_line(treatment, keywords, said):
    assert said in message_of(of, treatment, **keywords)


@pytest.mark.parametrize("rows", [0, 1])
def test_less_than_two_customers_are_refused(rows):
    said = message_of(Customers.of, np.zeros((rows, 1)), np.zeros(rows), np.zeros(rows))
    assert said == f"found {rows} customer(s); at least 2 are needed, one treated and one control"


@pytest.mark.parametrize(
    ("keywords", "error", "said"),
    [
        ({"treatment": "arms"}, DataError, "unknown column 'arms', did you mean 'arm'?"),
        ({"response": "spend"}, DataError, "unknown column 'spend'"),
        ({"features": ["age", "city"]}, DataError, "unknown column 'city'"),
        ({"features": ["age", "y"]}, ConfigError, "must be two columns, and no features"),
        ({"response": "arm"}, ConfigError, "must be two columns, and no features"),
        ({"features": []}, DataError, "the features have no column"),
    ],
)
def test_columns_that_cannot_be_used_are_refused(keywords, error, said):
    assert said in message_of(
        Customers.from_frame, FRAME, **{"treatment": "arm", "response": "y", "control": "no"} | keywords, error=error
    )


def test_negative_responses_are_kept_for_heads_that_can_have_them():
    assert of([0, 1, 1, 0], [-1.0, 2, 0, -3]).response.tolist() == [-1, 2, 0, -3]
