"""Rank correlation of buckets: golden values, and SciPy on buckets cut by pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from drawn_experiment import drawn_experiment
from scipy.stats import kendalltau

from recval.errors import ConfigError
from recval.uplift.metrics import rank_correlation
from recval.uplift.metrics.rank_correlation import kendall_argsort_of, kendall_of
from recval.uplift.metrics.ranking import Ranking

GOLDEN = {
    ("Mens", "hash"): (0.0375985515, 0.0367676768),
    ("Mens", "history"): (0.1132457606, 0.1123232323),
    ("Womens", "hash"): (0.0340634872, 0.0367676768),
    ("Womens", "history"): (-0.0364965934, -0.0367676768),
}
"""Tau-b, and the authors' version, on a processor with AVX2."""


def bucket_gains(score, treated, response, buckets):
    """Return what each bucket gained, by pandas, best first, without buckets that lack an arm."""
    frame = pd.DataFrame({"t": treated, "y": response, "bucket": pd.qcut(-score, buckets, False, duplicates="drop")})
    means = frame.groupby(["bucket", "t"])["y"].mean().unstack()
    return (means[True] - means[False]).dropna().to_numpy()


@pytest.mark.parametrize("case", GOLDEN)
def test_a_real_experiment_has_the_golden_correlation(golden_case, case):
    assert rank_correlation(*golden_case(*case)) == pytest.approx(GOLDEN[case][0], abs=1e-10)


@pytest.mark.parametrize("case", GOLDEN)
def test_a_real_experiment_has_the_golden_correlation_of_argsort(golden_case, case):
    from numpy._core._multiarray_umath import __cpu_features__

    if not __cpu_features__.get("AVX2"):
        pytest.skip("numpy.argsort puts equal values into another order on this processor")
    assert rank_correlation(*golden_case(*case), ties="argsort") == pytest.approx(GOLDEN[case][1], abs=1e-10)


@pytest.mark.parametrize("ties", [True, False])
def test_it_is_kendalls_tau_of_scipy_on_buckets_of_pandas(ties):
    for seed in range(40):
        given = drawn_experiment(seed, n=60 + 5 * seed, ties=ties)
        gains = bucket_gains(*given, 20)
        expected = kendalltau(-np.arange(len(gains)), gains).statistic
        assert rank_correlation(*given, buckets=20) == pytest.approx(expected, abs=1e-12, nan_ok=True)
        places = np.argsort(gains)
        expected = kendalltau(np.arange(len(gains))[::-1], places).statistic
        if not ties and len(gains) == 20:
            assert rank_correlation(*given, buckets=20, ties="argsort") == pytest.approx(expected, abs=1e-12)


def test_many_rankings_at_once_are_each_as_alone():
    ranking = Ranking.of(*drawn_experiment(5, n=300))
    weights = np.random.default_rng(0).integers(0, 3, (7, 300)).astype(float)
    points = ranking.bucket_points(15)
    for statistic in (kendall_of, kendall_argsort_of):
        together = statistic(ranking.sums(weights).at(points))
        alone = [statistic(ranking.sums(row).at(points)) for row in weights]
        np.testing.assert_array_equal(together, alone)


def test_the_best_and_the_worst_order_of_buckets_have_1_and_less():
    score = np.repeat(np.arange(10.0), 20)
    treated = np.tile([True, False], 100)
    assert rank_correlation(score, treated, score**2 * treated) == 1
    assert rank_correlation(-score, treated, score**2 * treated) == -1


def test_without_any_difference_it_is_not_defined():
    treated = np.tile([True, False], 50)
    assert np.isnan(rank_correlation(np.arange(100.0), treated, np.ones(100), buckets=10))
    assert np.isnan(rank_correlation(np.zeros(100), treated, np.arange(100.0)))


def test_an_unknown_way_with_ties_is_named():
    with pytest.raises(ConfigError, match=r"^unknown way with ties 'tau-c', did you mean 'tau-b'"):
        rank_correlation([1, 2], [0, 1], [1, 2], ties="tau-c")
