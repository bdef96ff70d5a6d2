from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from recval.errors import DataError
from recval.ranking.rank_tests import critical_difference, friedman, groups

NEMENYI = (1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164)
"""Critical values at level 0.05 for 2 to 10 recommenders: Demšar, JMLR 2006, table 5a."""
DUNN = (1.960, 2.241, 2.394, 2.498, 2.576, 2.638, 2.690, 2.724, 2.773)
"""The same for comparisons with one of them, table 5b; the value for 9 is printed as 2.724, and is 2.734."""

COARSE = st.lists(
    st.lists(st.sampled_from([0.0, 0.1, 0.25, 1.0]), min_size=4, max_size=4), min_size=1, max_size=12
).map(np.array)


def ranks_by_counting(values):
    """The rank of each value: one more than how many are better, and half a place for each other equal one."""
    return [[1 + sum(o > v for o in row) + (sum(o == v for o in row) - 1) / 2 for v in row] for row in values]


@pytest.mark.parametrize(("n", "k"), [(5, 3), (40, 4), (300, 9)])
@pytest.mark.parametrize("ties", [False, True])
def test_equals_scipy(n, k, ties):
    values = np.random.default_rng(n + k).random((n, k))
    values = values.round(1) if ties else values
    found, expected = friedman(values), stats.friedmanchisquare(*values.T)
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-9)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)


@given(values=COARSE)
@settings(deadline=None, derandomize=True)
def test_average_ranks_are_those_by_counting(values):
    found = friedman(values)
    np.testing.assert_allclose(found.average_ranks, np.mean(ranks_by_counting(values), axis=0), rtol=1e-12)
    assert found.average_ranks.sum() == pytest.approx(10)
    assert found.tied == np.mean([len(set(row)) < 4 for row in values])
    assert found.all_tied == np.mean([len(set(row)) == 1 for row in values])
    assert 0 <= found.p_value <= 1


def test_of_two_it_is_the_sign_test():
    values = np.random.default_rng(0).random((50, 2)).round(1)
    better, worse = (values[:, 0] > values[:, 1]).sum(), (values[:, 0] < values[:, 1]).sum()
    assert better + worse < 50
    assert friedman(values).statistic == pytest.approx((better - worse) ** 2 / (better + worse))


def test_demsars_ranks_by_hand():
    # Ranks 1.5 1.5 3, 2 1 3, 3 2 1: sums 6.5, 4.5, 7; squares of the deviations from 6: 3.5. The ranks' squares add
    # up to 13.5 + 14 + 14 = 41.5, less 3 * 3 * 4 = 36 leaves 5.5.
    found = friedman([[0.9, 0.9, 0.1], [0.5, 0.6, 0.4], [0.1, 0.2, 0.3]])
    np.testing.assert_allclose(found.average_ranks, [6.5 / 3, 4.5 / 3, 7 / 3])
    assert found.statistic == pytest.approx(2 * 3.5 / 5.5)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n", [1, 7])
def test_equal_recommenders_say_nothing(n):
    found = friedman(np.full((n, 3), 0.3))
    assert (found.statistic, found.p_value, found.tied, found.all_tied) == (0, 1, 1, 1)
    np.testing.assert_array_equal(found.average_ranks, 2)


def test_what_rounding_explains_is_tied():
    a, b = (0.1 + 0.2) + 0.3, 0.1 + (0.2 + 0.3)
    assert a != b
    found = friedman([[a, b, 0.0], [b, a, 0.0], [-a, -b, 9.0]])
    np.testing.assert_allclose(found.average_ranks, [5.5 / 3, 5.5 / 3, 7 / 3])
    assert friedman([[a, b * (1 + 1e-12)]]).tied == 0


@given(values=COARSE, seed=st.integers(0, 99))
@settings(deadline=None, derandomize=True)
def test_only_the_order_within_a_user_counts(values, seed):
    rng, found = np.random.default_rng(seed), friedman(values)
    users, systems = rng.permutation(len(values)), rng.permutation(4)
    scale = rng.uniform(0.1, 5, size=(len(values), 1))
    for same in (values[users], np.exp(values) * scale, values**3 - 2):
        np.testing.assert_allclose(friedman(same).average_ranks, found.average_ranks, rtol=1e-12)
        assert friedman(same).statistic == pytest.approx(found.statistic)
    np.testing.assert_allclose(friedman(values[:, systems]).average_ranks, found.average_ranks[systems], rtol=1e-12)
    turned = friedman(values, lower_is_better=True)
    np.testing.assert_allclose(turned.average_ranks, 5 - found.average_ranks, rtol=1e-12)
    assert turned.statistic == pytest.approx(found.statistic)
    np.testing.assert_allclose(friedman(-values, lower_is_better=True).average_ranks, found.average_ranks)


def test_equal_recommenders_are_found_different_no_more_often_than_the_level():
    rng = np.random.default_rng(5)
    p = [friedman(rng.binomial(3, 0.2, size=(80, 4)) / 3).p_value for _ in range(600)]
    assert 0.03 < np.mean(np.array(p) < 0.05) < 0.07


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[0.1], [0.2]], r"at least 2 recommenders\), got \(2, 1\)"),
        (np.empty((0, 3)), r"got \(0, 3\)"),
        ([0.1, 0.2], r"got \(2,\)"),
        ([[0.1, np.nan]], "finite, got nan"),
    ],
)
def test_what_cannot_be_ranked_is_refused(values, message):
    with pytest.raises(DataError, match=message):
        friedman(values)


@pytest.mark.parametrize(("k", "expected"), list(enumerate(NEMENYI, start=2)))
def test_nemenyis_published_values(k, expected):
    assert critical_difference(k, 1) / (k * (k + 1) / 6) ** 0.5 == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(("k", "expected"), list(enumerate(DUNN, start=2)))
def test_dunns_published_values(k, expected):
    found = critical_difference(k, 1, to_baseline=True) / (k * (k + 1) / 6) ** 0.5
    assert found == pytest.approx(expected if k != 9 else 2.734, abs=6e-4)


def test_demsars_example():
    # Section 3.2.2: four algorithms on 14 data sets, 2.569 sqrt(4 * 5 / (6 * 14)) = 1.25.
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=5e-3)
    assert critical_difference(4, 14, level=0.1) == pytest.approx(2.291 * (20 / 84) ** 0.5, abs=1e-3)


def test_nemenyis_difference_keeps_its_level():
    rng, k, n = np.random.default_rng(1), 5, 60
    largest = [np.ptp(friedman(rng.random((n, k))).average_ranks) for _ in range(1000)]
    assert np.mean(np.array(largest) > critical_difference(k, n)) == pytest.approx(0.05, abs=0.02)


@given(k=st.integers(1, 6), edges=st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5))))
@settings(deadline=None, derandomize=True)
def test_groups_are_the_largest_within_which_all_are_alike(k, edges):
    alike = np.zeros((k, k), bool)
    for a, b in edges:
        alike[a % k, b % k] = alike[b % k, a % k] = True
    np.fill_diagonal(alike, False)
    whole = [
        set(members)
        for size in range(2, k + 1)
        for members in combinations(range(k), size)
        if all(alike[a, b] for a, b in combinations(members, 2))
    ]
    largest = [tuple(sorted(group)) for group in whole if not any(group < other for other in whole)]
    assert groups(alike) == sorted(largest)
