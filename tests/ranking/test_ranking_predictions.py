from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn

from recval.data import Interactions, Vocabulary
from recval.errors import ConfigError, DataError
from recval.ranking import PREDICTION_METRICS, Predictions, evaluate_predictions

UNFAIRNESS = ["value-unfairness", "absolute-unfairness", "underestimation-unfairness", "overestimation-unfairness"]
property_test = settings(deadline=None, derandomize=True, max_examples=60)


def frame_of(seed, n=400, n_users=25):
    """Ratings, labels and tied predictions; users are in two groups or in none, and one has a single row."""
    rng = np.random.default_rng(seed)
    user = np.append(rng.integers(0, n_users, n - 1), n_users)
    return pd.DataFrame(
        {
            "user": np.array([f"u{code}" for code in user]),
            "item": rng.integers(0, 12, n),
            "rating": rng.integers(1, 6, n),
            "label": rng.integers(0, 2, n),
            "prediction": rng.integers(0, 11, n) / 10,
            "group": np.array(["F", "M", None, "M"], object)[user % 4],
        }
    )


@pytest.fixture(scope="module", params=[0, 1])
def frame(request):
    return frame_of(request.param)


def test_equal_scikit_learn_over_all_rows(frame):
    ratings = evaluate_predictions(Predictions.from_frame(frame), ["rmse", "mae"]).means
    truth, predicted = frame["rating"], frame["prediction"]
    assert ratings["rmse"] == pytest.approx(sklearn.root_mean_squared_error(truth, predicted), abs=1e-12)
    assert ratings["mae"] == pytest.approx(sklearn.mean_absolute_error(truth, predicted), abs=1e-12)
    labels = evaluate_predictions(Predictions.from_frame(frame, truth="label"), ["logloss", "auc"]).means
    clipped = predicted.clip(1e-15, 1 - 1e-15)
    assert labels["logloss"] == pytest.approx(sklearn.log_loss(frame["label"], clipped), rel=1e-9)
    assert labels["auc"] == pytest.approx(sklearn.roc_auc_score(frame["label"], predicted), abs=1e-12)


def test_equal_recbole_over_all_rows(frame):
    theirs = pytest.importorskip("recbole.evaluator.metrics")
    config = {"metric_decimal_place": 15}
    predicted = frame["prediction"].to_numpy()
    found = evaluate_predictions(Predictions.from_frame(frame, truth="label"), ["logloss", "auc", "rmse", "mae"]).means
    for name, metric in (("logloss", "LogLoss"), ("auc", "AUC"), ("rmse", "RMSE"), ("mae", "MAE")):
        expected = getattr(theirs, metric)(config).metric_info(predicted, frame["label"].to_numpy())
        assert found[name] == pytest.approx(expected, rel=1e-12)


def test_equal_scikit_learn_user_by_user(frame):
    found = evaluate_predictions(Predictions.from_frame(frame, truth="label"), ["rmse", "logloss", "auc", "gauc"])
    assert list(found.per_user.columns) == ["rmse", "logloss", "auc"]
    assert found.per_user.index.tolist() == sorted(set(frame["user"]))
    weighted, weights = 0.0, 0
    for user, rows in frame.groupby("user"):
        values = found.per_user.loc[user]
        truth, predicted = rows["label"], rows["prediction"]
        assert values["rmse"] == pytest.approx(sklearn.root_mean_squared_error(truth, predicted), abs=1e-12)
        clipped = predicted.clip(1e-15, 1 - 1e-15)
        assert values["logloss"] == pytest.approx(sklearn.log_loss(truth, clipped, labels=[0, 1]), rel=1e-9)
        if truth.nunique() == 1:
            assert np.isnan(values["auc"])
        else:
            expected = sklearn.roc_auc_score(truth, predicted)
            assert values["auc"] == pytest.approx(expected, abs=1e-12)
            weighted, weights = weighted + len(rows) * expected, weights + len(rows)
    assert found.per_user["auc"].isna().any()
    assert found.means["gauc"] == pytest.approx(weighted / weights, abs=1e-12)


def expected_unfairness(frame):
    """The formulas of Yao and Huang, item by item."""
    sums = dict.fromkeys(UNFAIRNESS, 0.0)
    n = 0
    for _, rows in frame.groupby("item"):
        sides = [rows[rows["group"] == name] for name in ("F", "M")]
        if any(side.empty for side in sides):
            continue
        n += 1
        (y, r), (z, s) = ((side["prediction"].mean(), side["rating"].mean()) for side in sides)
        sums["value-unfairness"] += abs((y - r) - (z - s))
        sums["absolute-unfairness"] += abs(abs(y - r) - abs(z - s))
        sums["underestimation-unfairness"] += abs(max(0, r - y) - max(0, s - z))
        sums["overestimation-unfairness"] += abs(max(0, y - r) - max(0, z - s))
    return {name: value / n for name, value in sums.items()}


def test_unfairness_equals_its_formula(frame):
    frame = frame.assign(prediction=frame["prediction"] * 6)  # Some above the ratings, some below.
    found = evaluate_predictions(Predictions.from_frame(frame, group="group"), [*UNFAIRNESS, "non-parity"])
    assert found.per_user.shape[1] == 0
    expected = expected_unfairness(frame)
    assert min(expected.values()) > 0
    means = frame.groupby("group")["prediction"].mean()
    expected["non-parity"] = abs(means["F"] - means["M"])
    assert found.means == pytest.approx(expected, abs=1e-12)


def test_unfairness_of_a_hand_computed_case():
    """Item a: errors +1 and -1. Item b: errors -2 and -1. Item c has one group only."""
    rows = [("x", "a", 3, 4), ("y", "a", 3, 2), ("x", "b", 4, 2), ("y", "b", 4, 3), ("x", "c", 1, 5)]
    frame = pd.DataFrame(rows, columns=["user", "item", "rating", "prediction"]).assign(group=list("FMFMF"))
    found = evaluate_predictions(Predictions.from_frame(frame, group="group"), [*UNFAIRNESS, "non-parity"]).means
    assert found == pytest.approx(
        {
            "value-unfairness": (2 + 1) / 2,
            "absolute-unfairness": (0 + 1) / 2,
            "underestimation-unfairness": (1 + 1) / 2,
            "overestimation-unfairness": (1 + 0) / 2,
            "non-parity": 11 / 3 - 5 / 2,
        }
    )


@given(seed=st.integers(0, 1000))
@property_test
def test_neither_the_order_of_rows_nor_the_names_of_groups_count(seed):
    frame = frame_of(seed, n=60)
    other = frame.sample(frac=1, random_state=seed).replace({"group": {"F": "Z"}})
    names = ["rmse", "mae", *UNFAIRNESS, "non-parity"]
    found, again = (evaluate_predictions(Predictions.from_frame(one, group="group"), names) for one in (frame, other))
    assert found.means == pytest.approx(again.means, abs=1e-12)
    pd.testing.assert_frame_equal(found.per_user, again.per_user)


@given(seed=st.integers(0, 1000))
@property_test
def test_perfect_predictions(seed):
    frame = frame_of(seed, n=60)
    frame["prediction"] = frame["rating"]
    found = evaluate_predictions(Predictions.from_frame(frame, group="group"), ["rmse", "mae", *UNFAIRNESS]).means
    assert set(found.values()) == {0.0}
    frame["prediction"] = frame["label"]
    found = evaluate_predictions(Predictions.from_frame(frame, truth="label"), ["auc", "gauc", "logloss"]).means
    assert (found["auc"], found["gauc"]) == (1.0, 1.0)
    assert found["logloss"] < 1e-14


def test_interactions_with_a_user_field():
    users = Vocabulary(pa.array([10, 11, 12]), pa.table({"gender": ["F", "M", "M"]}))
    table = pa.table({"user": [2, 0, 2], "item": [0, 0, 1], "rating": [1.0, 2.0, 3.0]})
    data = Interactions(table, users, Vocabulary(pa.array(["a", "b"])))
    found = evaluate_predictions(Predictions.of(data, [2, 2, 2], group="gender"), ["mae", "value-unfairness"])
    assert found.per_user["mae"].to_dict() == {10: 0.0, 12: 1.0}  # User 11 has no rows.
    assert found.means == {"mae": pytest.approx(2 / 3), "value-unfairness": 1.0}


def test_labels_all_equal_have_no_auc():
    frame = pd.DataFrame({"user": [1, 1], "item": [1, 2], "label": [1, 1], "prediction": [0.1, 0.2]})
    found = evaluate_predictions(Predictions.from_frame(frame, truth="label"), ["auc", "gauc"]).means
    assert np.isnan(list(found.values())).all()


GOOD = pd.DataFrame({"user": [1, 2], "item": [1, 1], "rating": [1, 0], "prediction": [0.5, 0.5], "group": ["a", "b"]})


@pytest.mark.parametrize(
    ("change", "metric", "message"),
    [
        ({"prediction": [0.5, np.nan]}, "mae", "the prediction must be a finite number, found nan in row 1"),
        ({"rating": [np.inf, 1]}, "mae", "the truth must be a finite number, found inf in row 0"),
        ({"rating": ["good", "bad"]}, "mae", "the column 'rating' must hold numbers"),
        ({"user": [1, None]}, "mae", "must name a user and an item in each row"),
        ({"rating": [1, 3]}, "auc", "labels must be 0 or 1, found 3 in row 1"),
        ({"rating": [1, 3]}, "logloss", "labels must be 0 or 1, found 3 in row 1"),
        ({"prediction": [0.5, 1.5]}, "logloss", "probabilities from 0 to 1, found 1.5 in row 1; apply a sigmoid"),
        ({"group": ["a", "a"]}, "value-unfairness", "between two groups of users; the rows are of 1"),
        ({"group": [None, "a"]}, "non-parity", "between two groups of users; the rows are of 1"),
        ({"item": [1, 2]}, "absolute-unfairness", "no item has rows of both groups"),
        ({"user": [1, 1]}, "non-parity", "the column 'group' must be the same in all rows of a user"),
    ],
)
def test_bad_tables_are_refused(change, metric, message):
    with pytest.raises(DataError, match=message):
        evaluate_predictions(Predictions.from_frame(GOOD.assign(**change), group="group"), [metric])


def test_other_mistakes():
    with pytest.raises(DataError, match="unknown column of the frame 'ratings', did you mean 'rating'"):
        Predictions.from_frame(GOOD, truth="ratings")
    with pytest.raises(DataError, match="must be rows of user, item, truth and prediction"):
        Predictions.from_frame(GOOD.iloc[:0])
    with pytest.raises(DataError, match="name the column of the groups with group="):
        evaluate_predictions(Predictions.from_frame(GOOD), ["non-parity"])
    with pytest.raises(ConfigError, match="unknown prediction metric 'rsme', did you mean 'rmse'"):
        evaluate_predictions(Predictions.from_frame(GOOD), ["rsme"])
    with pytest.raises(ConfigError, match="no metric is named"):
        evaluate_predictions(Predictions.from_frame(GOOD), [])


def test_the_directions():
    higher = {name for name in PREDICTION_METRICS if not PREDICTION_METRICS[name].lower_is_better}
    assert higher == {"auc", "gauc"}
