"""LIFT: golden values, a loop over rows of which some count in part, and each cut."""

from __future__ import annotations

import math

import numpy as np
import pytest
from drawn_experiment import drawn_experiment

from recval.errors import ConfigError
from recval.uplift.metrics import lift
from recval.uplift.metrics.lift import lift_of
from recval.uplift.metrics.ranking import Ranking

REVENUE = {
    ("Mens", "hash"): (0.9609329788, 0.9125402403),
    ("Mens", "history"): (1.1551551619, 1.2835748627),
    ("Womens", "hash"): (0.4914289753, 0.5142313126),
    ("Womens", "history"): (0.3836808113, 0.4572349171),
}
"""31 of 100 buckets, and 30 % of the rows."""

BINARY = {
    ("Mens", "hash", "visit"): (0.0782231194, 0.0771111852),
    ("Mens", "hash", "conversion"): (0.0079783703, 0.0078214945),
    ("Mens", "history", "visit"): (0.0894789833, 0.0894654394),
    ("Mens", "history", "conversion"): (0.0103824402, 0.0103241338),
    ("Womens", "hash", "visit"): (0.0423919350, 0.0421395561),
    ("Womens", "hash", "conversion"): (0.0048567316, 0.0048121608),
    ("Womens", "history", "visit"): (0.0479423891, 0.0484066736),
    ("Womens", "history", "conversion"): (0.0034479479, 0.0033972240),
}
"""uplift_at_k of scikit-uplift 0.5.1 at 30 %, overall and by_group."""


def top_mean(score, response, rows):
    """Return the mean response of so many rows from the top, where the last tie counts in part."""
    total = left = rows
    summed = 0.0
    for threshold in sorted(set(score), reverse=True):
        tie = response[score == threshold]
        used = min(left, len(tie))
        summed, left = summed + tie.sum() * used / len(tie), left - used
    return summed / total if total else math.nan


def naive(score, treated, response, share, cut):
    if cut == "by-arm":
        parts = [math.floor(share * np.sum(treated == arm) + 1e-9) for arm in (True, False)]
        means = [
            top_mean(score[treated == arm], response[treated == arm], rows)
            for arm, rows in zip((True, False), parts, strict=True)
        ]
        return means[0] - means[1]
    exact = share * len(score)
    left = math.ceil(exact - 1e-9) if cut == "rows" else math.floor(exact + 1e-9)
    sums = dict.fromkeys((True, False), (0.0, 0.0))
    for threshold in sorted(set(score), reverse=True):
        rows = score == threshold
        part = min(left, rows.sum()) / rows.sum()
        left -= min(left, rows.sum())
        for arm in sums:
            of_arm = rows & (treated == arm)
            sums[arm] = sums[arm][0] + part * of_arm.sum(), sums[arm][1] + part * response[of_arm].sum()
    return np.subtract(*(total / count if count else math.nan for count, total in sums.values()))


@pytest.mark.parametrize("case", REVENUE)
def test_revenue_has_the_golden_lift(golden_case, case):
    found = [lift(*golden_case(*case), cut=cut) for cut in ("buckets", "rows")]
    np.testing.assert_allclose(found, REVENUE[case], rtol=0, atol=1e-9)


@pytest.mark.parametrize("case", BINARY)
def test_visits_and_conversions_have_the_golden_lift(golden_case, case):
    found = [lift(*golden_case(*case), cut=cut) for cut in ("scikit-uplift", "by-arm")]
    np.testing.assert_allclose(found, BINARY[case], rtol=0, atol=1e-10)


@pytest.mark.parametrize("cut", ["rows", "scikit-uplift", "by-arm"])
@pytest.mark.parametrize("ties", [True, False])
def test_it_is_that_of_a_loop_in_which_a_tie_counts_in_part(ties, cut):
    for seed in range(60):
        given = drawn_experiment(seed, ties=ties)
        share = (0.05, 0.29, 0.3, 0.5, 1.0)[seed % 5]
        assert lift(*given, share=share, cut=cut) == pytest.approx(
            naive(*given, share, cut), rel=1e-9, abs=1e-9, nan_ok=True
        )


@pytest.mark.parametrize("cut", ["rows", "buckets", "scikit-uplift", "by-arm"])
def test_the_top_of_all_or_of_a_constant_score_has_the_mean_effect(cut):
    score, treated, response = drawn_experiment(3, n=200)
    effect = response[treated].mean() - response[~treated].mean()
    assert lift(score, treated, response, share=1.0, cut=cut) == pytest.approx(effect, rel=1e-12)
    assert lift(np.zeros(200), treated, response, share=0.1, cut=cut) == pytest.approx(effect, rel=1e-12)


def test_thirty_percent_of_100_buckets_are_31():
    treated = np.arange(1000) % 2 == 0
    response = np.where(treated & (np.arange(1000) < 310), 1.0, 0.0)
    assert lift(-np.arange(1000.0), treated, response, cut="buckets") == 1
    assert lift(-np.arange(1000.0), treated, response, share=0.31, cut="buckets") < 1


@pytest.mark.parametrize("cut", ["rows", "scikit-uplift", "by-arm", "buckets"])
def test_many_rankings_at_once_are_each_as_alone(cut):
    ranking = Ranking.of(*drawn_experiment(5, n=90, ties=True))
    weights = np.random.default_rng(0).integers(0, 3, (7, 90)).astype(float)
    statistic = lift_of(0.3, cut)
    np.testing.assert_array_equal(statistic(ranking.sums(weights)), [statistic(ranking.sums(row)) for row in weights])


def test_a_top_without_an_arm_has_no_lift():
    assert np.isnan(lift([4, 3, 2, 1], [1, 1, 0, 0], [1, 2, 3, 4], share=0.5))


@pytest.mark.parametrize("share", [0, -0.1, 1.5, np.nan])
def test_a_share_beyond_all_is_refused(share):
    with pytest.raises(ConfigError, match=r"^the share must be above 0 and at most 1, got"):
        lift([1, 2], [0, 1], [1, 2], share=share)


def test_an_unknown_cut_is_named():
    with pytest.raises(ConfigError, match=r"^unknown cut 'row', did you mean 'rows'"):
        lift([1, 2], [0, 1], [1, 2], cut="row")
