from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from recval.errors import DataError
from recval.ranking import holm, paired_test, significance
from recval.ranking.significance import detectable_difference, paired_tests


@pytest.mark.parametrize("n", [2, 10, 51, 400])
@pytest.mark.parametrize("ties", [False, True])
def test_equals_scipy(n, ties):
    rng = np.random.default_rng(n)
    a, b = rng.random(n), rng.random(n) * 0.9
    if ties:
        a, b = a.round(1) + 0.05, b.round(1)
        b[0] = a[0]
    found = paired_test(a, b, rng=1, resamples=10)
    t, wilcoxon = stats.ttest_rel(a, b), stats.wilcoxon(a, b)
    assert found.n == n
    assert found.mean_a == pytest.approx(a.mean(), rel=1e-12)
    assert found.mean_b == pytest.approx(b.mean(), rel=1e-12)
    assert found.difference == pytest.approx((a - b).mean(), rel=1e-12)
    assert found.t_statistic == pytest.approx(t.statistic, rel=1e-9)
    assert found.t_p_value == pytest.approx(t.pvalue, rel=1e-9)
    assert found.wilcoxon_p_value == pytest.approx(wilcoxon.pvalue, rel=1e-9)
    assert found.effect_size == pytest.approx((a - b).mean() / (a - b).std(ddof=1), rel=1e-9)


def test_the_interval_is_that_of_scipys_bootstrap():
    rng = np.random.default_rng(0)
    a, b = rng.gamma(2.0, size=60), rng.gamma(1.5, size=60)
    found = paired_test(a, b, rng=5, resamples=40_000)
    expected = stats.bootstrap((a - b,), np.mean, n_resamples=40_000, method="percentile", rng=9).confidence_interval
    assert found.ci_low == pytest.approx(expected.low, abs=0.02)
    assert found.ci_high == pytest.approx(expected.high, abs=0.02)


def test_the_interval_covers_the_truth_in_about_95_of_100_samples():
    rng = np.random.default_rng(11)
    tests = [paired_test(rng.normal(0.3, 1, 80), np.zeros(80), rng=seed, resamples=600) for seed in range(400)]
    covered = np.mean([test.ci_low <= 0.3 <= test.ci_high for test in tests])
    assert 0.91 < covered < 0.98


def test_memory_bound_does_not_change_the_result(monkeypatch):
    a, b = np.random.default_rng(2).random((2, 37))
    whole = paired_test(a, b, rng=3, resamples=501)
    monkeypatch.setattr(significance, "_DRAWS_PER_CHUNK", 100)
    assert paired_test(a, b, rng=3, resamples=501) == whole


def test_swapping_the_sides_mirrors_the_result():
    a, b = np.random.default_rng(4).random((2, 30))
    one, other = paired_test(a, b, rng=6), paired_test(b, a, rng=6)
    assert one.ci_low == pytest.approx(-other.ci_high)
    assert one.ci_high == pytest.approx(-other.ci_low)
    assert one.t_statistic == pytest.approx(-other.t_statistic)
    assert one.effect_size == pytest.approx(-other.effect_size)
    assert (one.t_p_value, one.wilcoxon_p_value) == pytest.approx((other.t_p_value, other.wilcoxon_p_value))


def test_the_seed_decides_the_interval():
    a, b = np.random.default_rng(4).random((2, 30))
    assert paired_test(a, b, rng=6) == paired_test(a, b, rng=6)
    assert paired_test(a, b, rng=6).ci_low != paired_test(a, b, rng=7).ci_low


def test_many_pairs_at_once_are_the_tests_of_each_pair():
    values = np.random.default_rng(8).gamma(1.0, size=(41, 4)).round(1)
    pairs = [(0, 1), (3, 2), (2, 0), (1, 1)]
    for (a, b), found in zip(pairs, paired_tests(values, pairs, rng=2, resamples=99), strict=True):
        assert found == paired_test(values[:, a], values[:, b], rng=2, resamples=99)
    assert paired_tests(values, [], rng=2) == []


def test_what_rounding_explains_is_no_difference():
    a = np.array([[0.1, 0.2, 0.3], [0.1, 0.7, 0.4], [0.0, 1 / 3, 0.0]])
    first, second = (a[:, 0] + a[:, 1]) + a[:, 2], a[:, 0] + (a[:, 1] + a[:, 2])
    assert (first != second).any()
    found = paired_test(first, second, rng=0, resamples=50)
    assert (found.difference, found.ci_low, found.ci_high) == (0, 0, 0)
    assert (found.t_p_value, found.wilcoxon_p_value) == (1, 1)
    assert paired_test(first * (1 + 1e-12), second, rng=0, resamples=50).difference > 0


@pytest.mark.parametrize("n", [10, 200])
def test_the_detectable_difference_is_found_with_the_stated_power(n):
    rng, repeats = np.random.default_rng(n), 4000
    for tests in (1, 6):
        difference = float(detectable_difference(2.0, n, tests=tests))
        p = stats.ttest_1samp(rng.normal(difference, 2.0, size=(repeats, n)), 0, axis=1).pvalue
        assert (p < 0.05 / tests).mean() == pytest.approx(0.8, abs=0.025)


def test_the_detectable_difference_of_many_users_is_that_of_the_normal_distribution():
    expected = (stats.norm.isf(0.025) + stats.norm.isf(0.2)) * 0.25 / 1e6**0.5
    assert detectable_difference(0.25, 10**6) == pytest.approx(expected, rel=1e-4)
    one = detectable_difference(1.0, 40)
    np.testing.assert_allclose(detectable_difference([0.0, 0.5, 2.0], 40), [0, one / 2, one * 2], rtol=1e-12)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n", [2, 3, 60])
def test_equal_sides_differ_by_nothing(n):
    same = np.linspace(0, 1, n)
    found = paired_test(same, same, rng=0, resamples=50)
    assert (found.difference, found.ci_low, found.ci_high, found.t_statistic, found.effect_size) == (0, 0, 0, 0, 0)
    assert (found.t_p_value, found.wilcoxon_p_value) == (1, 1)


@pytest.mark.filterwarnings("error")
def test_a_constant_difference_is_certain():
    found = paired_test(np.full(9, 0.75), np.full(9, 0.5), rng=0, resamples=50)
    assert (found.difference, found.ci_low, found.ci_high) == (0.25, 0.25, 0.25)
    assert (found.t_statistic, found.t_p_value, found.effect_size) == (np.inf, 0.0, np.inf)
    assert found.wilcoxon_p_value == pytest.approx(2 / 2**9)


@given(pairs=st.lists(st.tuples(*[st.sampled_from([0.0, 0.1, 0.3, 1.0])] * 2), min_size=2, max_size=8))
@settings(deadline=None, derandomize=True, max_examples=30)
@pytest.mark.filterwarnings("error")
def test_nothing_is_ever_nan(pairs):
    a, b = np.array(pairs).T
    found = paired_test(a, b, rng=0, resamples=20)
    assert not any(np.isnan(value) for value in dataclasses.astuple(found))
    assert 0 <= found.t_p_value <= 1
    assert 0 <= found.wilcoxon_p_value <= 1
    assert found.ci_low <= found.ci_high


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([1.0, 2.0], [1.0, 2.0, 3.0], r"shapes \(2,\) and \(3,\)"),
        ([[1.0, 2.0]], [[1.0, 2.0]], r"shapes \(1, 2\)"),
        ([1.0], [2.0], "at least 2 users, got 1"),
        ([], [], "at least 2 users, got 0"),
        ([1.0, np.nan], [1.0, 2.0], "got nan and 2.0 at position 1"),
        ([1.0, 2.0], [np.inf, 2.0], "got 1.0 and inf at position 0"),
        (pd.Series([1.0, 2.0], [0, 1]), pd.Series([1.0, 2.0], [1, 0]), "the same users in the same order"),
    ],
)
def test_what_cannot_be_compared_is_refused(a, b, message):
    with pytest.raises(DataError, match=message):
        paired_test(a, b, rng=0)


def test_holm_by_hand():
    # Sorted: .005 x 4 = .02, .01 x 3 = .03, .03 x 2 = .06, and .04 x 1 is raised to the .06 before it.
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02], rtol=1e-12)
    np.testing.assert_allclose(holm([0.5, 0.5, 0.9]), [1.0, 1.0, 1.0])
    np.testing.assert_allclose(holm([0.02]), [0.02])
    assert holm([]).shape == (0,)


@given(values=st.lists(st.floats(0, 1), min_size=1, max_size=8), level=st.sampled_from([0.01, 0.05, 0.2]))
@settings(deadline=None, derandomize=True)
def test_holm_rejects_what_the_step_down_procedure_rejects(values, level):
    rejected = np.zeros(len(values), bool)
    for step, at in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        if values[at] * (len(values) - step) > level:
            break
        rejected[at] = True
    np.testing.assert_array_equal(holm(values) <= level, rejected)


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan])
def test_holm_refuses_what_is_no_p_value(value):
    with pytest.raises(DataError, match=r"in \[0, 1\], got"):
        holm([0.5, value])
