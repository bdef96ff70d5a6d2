"""k-NN Shapley equals the definition over all coalitions, and pyDVL's own outputs."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recval.errors import DataError
from recval.games.knn_shapley import knn_shapley
from recval.games.nearest_neighbours import add_label_values, nearest, neighbour_values

GOLDEN = Path(__file__).parent / "golden" / "knn_shapley_pydvl.json"


def by_definition(n, worth):
    """Return Shapley values by the sum over all coalitions."""
    values = np.zeros(n)
    for size in range(n):
        weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
        for members in itertools.combinations(range(n), size):
            for player in set(range(n)) - set(members):
                values[player] += weight * (worth(sorted((*members, player))) - worth(members))
    return values


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.lists(st.sampled_from([0.0, 1.0, -0.5, 2.25]) | st.floats(-3, 3), min_size=1, max_size=7), st.integers(1, 9))
def test_neighbour_values_equal_the_definition(gains, k):
    expected = by_definition(len(gains), lambda members: sum(gains[i] for i in members[:k]) / k)
    np.testing.assert_allclose(neighbour_values(np.array(gains), k), expected, atol=1e-12)


def by_definition_of_points(x_train, y_train, x_test, y_test, k):
    def worth(members):
        total = 0.0
        for x, y in zip(x_test, y_test, strict=True):
            nearest = sorted(members, key=lambda row: (np.square(x_train[row] - x).sum(), row))[:k]
            total += sum(y_train[row] == y for row in nearest) / k
        return total / len(x_test)

    return by_definition(len(x_train), worth)


@pytest.mark.parametrize(
    ("n", "m", "k"), [(1, 1, 1), (1, 2, 3), (2, 1, 1), (6, 3, 1), (7, 2, 2), (7, 3, 7), (6, 3, 11)]
)
def test_values_equal_the_definition_with_ties(n, m, k):
    rng = np.random.default_rng(n * k)
    data = [
        rng.integers(2, size=(n, 2)),
        rng.integers(2, size=n),
        rng.integers(2, size=(m, 2)),
        rng.integers(3, size=m),
    ]
    np.testing.assert_allclose(knn_shapley(*data, k).value, by_definition_of_points(*data, k), atol=1e-12)


@pytest.mark.parametrize("case", json.loads(GOLDEN.read_text())["cases"], ids=lambda case: f"k={case['k']}")
def test_values_equal_those_of_pydvl(case):
    found = knn_shapley(case["x_train"], case["y_train"], case["x_test"], case["y_test"], case["k"])
    np.testing.assert_allclose(found.value, case["values"], rtol=0, atol=1e-12)


def random_points(seed, n, m, d=3, classes=2):
    rng = np.random.default_rng(seed)
    return (
        rng.standard_normal((n, d)),
        rng.integers(classes, size=n),
        rng.standard_normal((m, d)),
        rng.integers(classes, size=m),
    )


@pytest.mark.parametrize("error", [0.5, 0.1, 0.03, 0.004])
@pytest.mark.parametrize("k", [1, 8])
def test_values_of_few_neighbours_are_off_by_no_more_than_told(error, k):
    data = random_points(0, 300, 1)
    exact, found = knn_shapley(*data, k).value, knn_shapley(*data, k, error=error).value
    assert 0 < np.abs(found - exact).max() <= error
    assert (found != 0).sum() < max(k, math.ceil(1 / error))


@pytest.mark.parametrize(
    "distances",
    [
        np.random.default_rng(0).random(3_000),
        np.exp(np.random.default_rng(0).standard_normal(3_000) * 9),  # Nearly all in one bucket.
        np.random.default_rng(0).integers(7, size=3_000) - 3.0,
        np.append(np.random.default_rng(0).random(500), [-1e300, 1e300]),
        np.append(np.zeros(50), 5e-324),
        np.full(40, 2.0),
        np.array([-0.0, 0.0]),
        np.array([1.0]),
    ],
    ids=["uniform", "uneven", "ties", "far apart", "no width", "equal", "zeros", "one"],
)
def test_distances_are_sorted_equal_ones_as_they_stand(distances):
    expected = np.argsort(distances, kind="stable")
    for depth in {1, len(distances) // 3 + 1, len(distances)}:
        np.testing.assert_array_equal(nearest(distances, depth), expected[:depth])


def test_few_neighbours_at_one_distance_are_the_first_rows():
    distances, labels = np.array([[2.0, 1.0, 2.0, 2.0, 0.0, 2.0]]), np.zeros(6, np.int64)
    total, squares = np.zeros(6), np.zeros(6)
    add_label_values(distances, labels, np.array([0]), 1, 4, total, squares)
    np.testing.assert_array_equal(np.flatnonzero(total), [])  # All gains are equal, so all values are that of the 4th.
    labels[2] = 1
    add_label_values(distances, labels, np.array([0]), 1, 4, total, squares)
    np.testing.assert_allclose(total, [1 / 3, 1 / 3, 0, 0, 1 / 3, 0])


def test_enough_neighbours_for_any_error_are_all():
    data = random_points(1, 20, 3)
    np.testing.assert_array_equal(knn_shapley(*data, 2, error=0.01).value, knn_shapley(*data, 2).value)


def test_values_sum_up_to_the_utility_of_all():
    x_train, y_train, x_test, y_test = random_points(2, 500, 40)
    nearest = np.argsort(np.square(x_train[None] - x_test[:, None]).sum(axis=2), axis=1)[:, :5]
    utility = (y_train[nearest] == y_test[:, None]).mean()
    np.testing.assert_allclose(knn_shapley(x_train, y_train, x_test, y_test, 5).value.sum(), utility, atol=1e-12)


def test_standard_errors_are_those_over_test_points(monkeypatch):
    x_train, y_train, x_test, y_test = random_points(3, 40, 9)
    each = [knn_shapley(x_train, y_train, x_test[[i]], y_test[[i]], 4).value for i in range(9)]
    monkeypatch.setattr("recval.games.knn_shapley._DISTANCES_AT_ONCE", 80)  # Blocks of two test points.
    found = knn_shapley(x_train, y_train, x_test, y_test, 4)
    np.testing.assert_allclose(found.value, np.mean(each, axis=0), atol=1e-14)
    np.testing.assert_allclose(found.standard_error, np.std(each, axis=0, ddof=1) / 3, atol=1e-9)
    assert found.players.column_names == ["row"]


def test_values_follow_their_points_wherever_they_stand_and_lie():
    x_train, y_train, x_test, y_test = random_points(4, 60, 5, classes=3)
    order = np.random.default_rng(0).permutation(60)
    expected = knn_shapley(x_train, y_train, x_test, y_test, 3).value
    moved = knn_shapley(
        x_train[order] * 2 + 1e6,
        np.array(list("abc"))[y_train[order]],
        x_test * 2 + 1e6,
        np.array(list("abc"))[y_test],
        3,
    )
    np.testing.assert_allclose(moved.value, expected[order], atol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x_train": np.zeros((0, 3)), "y_train": np.zeros(0)}, r"n at least 1, found \[0, 3\] and \[0\]"),
        ({"x_test": np.zeros((0, 3)), "y_test": np.zeros(0)}, "the test points"),
        ({"y_train": np.zeros(5)}, r"found \[6, 3\] and \[5\]"),
        ({"x_train": np.zeros(6)}, r"found \[6\] and \[6\]"),
        ({"x_test": np.zeros((2, 4))}, "same features, found 3 and 4"),
        ({"x_test": np.full((2, 3), np.nan)}, "features of the test points must be finite"),
        ({"k": 0}, "k must be 1 or more. Got 0"),
        ({"error": -0.1}, "error must be 0 or more. Got -0.1"),
        ({"error": np.nan}, "error must be 0 or more. Got nan"),
    ],
)
def test_what_cannot_be_valued_is_told(change, message):
    x_train, y_train, x_test, y_test = random_points(5, 6, 2)
    given = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test, "k": 1} | change
    with pytest.raises(DataError, match=message):
        knn_shapley(**given)
