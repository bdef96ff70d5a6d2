"""Random rankings: all orders of a small experiment, level under the null, and the noise of a real test set."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from drawn_experiment import drawn_experiment
from scipy.stats import kstest

from recval.errors import ConfigError, DataError
from recval.uplift.metrics import auuc, auuc_null_test, null_band, qini_curve, rank_metrics, uplift_curve


@pytest.mark.parametrize("score", [[6, 5, 4, 3, 2, 1], [3, 2, 2, 1, 1, 1]])
def test_draws_are_spread_as_all_orders_are(score):
    treated, response = np.array([1, 0, 1, 0, 1, 0]), np.array([9.0, 1, 0, 2, 5, 0])
    exact = np.array([auuc(np.array(order, float), treated, response) for order in permutations(score)])
    found = auuc_null_test(score, treated, response, draws=20_000)
    assert found.mean == pytest.approx(exact.mean(), abs=4 * exact.std() / np.sqrt(20_000))
    assert found.deviation == pytest.approx(exact.std(), rel=0.03)
    grid = np.unique(exact.round(9))[:-1] + 1e-8
    shares = [(exact <= at).mean() for at in grid]
    np.testing.assert_allclose([(found.draws <= at).mean() for at in grid], shares, atol=4 * 0.5 / np.sqrt(20_000))
    value = auuc(score, treated, response)
    assert found.p_value == pytest.approx((exact >= value - 1e-9).mean(), abs=0.015)
    assert found.value == value


@pytest.mark.parametrize("metric", ["auuc", "auuc-buckets", "lift@30"])
def test_p_values_are_uniform_for_scores_that_say_nothing(metric):
    found = []
    for seed in range(250):
        _, treated, response = drawn_experiment(seed, n=250)
        score = np.random.default_rng([1, seed]).random(250)
        found.append(auuc_null_test(score, treated, response, metric=metric, draws=99, rng=seed).p_value)
    assert kstest(found, "uniform").pvalue > 0.01
    assert np.mean(np.array(found) <= 0.05) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 250)


def test_a_ranking_by_strong_uplift_is_told_from_random_ones():
    rng = np.random.default_rng(0)
    score, treated = rng.random(2000), rng.random(2000) < 0.5
    response = rng.exponential(1 + 3 * score * treated)
    assert auuc_null_test(score, treated, response).p_value == 1 / 1001
    assert auuc_null_test(-score, treated, response).p_value == 1


@pytest.mark.parametrize("metric", ["auuc", "qini", "auqc", "lift@30"])
def test_a_constant_score_is_never_better_than_random(metric):
    _, treated, response = drawn_experiment(0, n=100)
    found = auuc_null_test(np.ones(100), treated, response, metric=metric, draws=50)
    assert found.p_value == 1
    assert found.deviation == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("kind", ["uplift", "qini"])
def test_the_band_holds_its_share_of_fresh_random_rankings(kind):
    _, treated, response = drawn_experiment(2, n=500)
    band = null_band(treated, response, curve=kind, level=0.8, points=21, draws=2000)
    assert band.share[[0, -1]].tolist() == [0, 1]
    curve = {"uplift": uplift_curve, "qini": qini_curve}[kind]
    rng = np.random.default_rng(1)
    gains = np.array([curve(rng.random(500), treated, response).at(band.share) for _ in range(1000)])
    inside = ((gains >= band.low) & (gains <= band.high)).mean(axis=0)[1:-1]
    np.testing.assert_allclose(inside, 0.8, atol=0.06)
    below = (gains <= band.median).mean(axis=0)[1:-1]
    np.testing.assert_allclose(below, 0.5, atol=0.08)
    total = curve(rng.random(500), treated, response).total
    np.testing.assert_allclose([band.low[-1], band.median[-1], band.high[-1]], total)
    assert band.low[0] == band.high[0] == 0


def test_a_band_of_few_rows_has_a_point_for_each_of_them():
    band = null_band([1, 0, 1], [1.0, 2, 3], points=101, draws=50)
    np.testing.assert_allclose(band.share, [0, 1 / 3, 2 / 3, 1])


def test_what_is_not_defined_is_never_better_than_random():
    score, treated, response = [3.0, 2.0, 1.0, 0.0], [1, 0, 1, 0], [1.0, 0.0, 0.0, 1.0]
    found = auuc_null_test(score, treated, response, draws=20)
    assert np.isnan(found.value)
    assert np.isnan(found.p_value)
    # The upper half has both arms in two of three orders only.
    halves = auuc_null_test(score, treated, [1.0, 0.0, 0.0, 0.0], metric="lift@50", draws=3000)
    assert np.isnan(halves.draws).mean() == pytest.approx(1 / 3, abs=0.05)
    assert halves.p_value == pytest.approx(1 / 3 + 1 / 3, abs=0.05)
    assert halves.mean == pytest.approx(0.5, abs=0.05)


def test_a_seed_decides_what_is_drawn():
    given = drawn_experiment(0, n=60)
    first, again, other = (auuc_null_test(*given, draws=20, rng=seed).draws for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert (np.diff(first) >= 0).all()


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ConfigError, match=r"^draws must be at least 1, got 0$"):
        auuc_null_test([1, 2], [0, 1], [1, 2], draws=0)
    with pytest.raises(ConfigError, match=r"^unknown curve 'gain', did you mean 'qini'\? \(allowed: qini, uplift\)$"):
        null_band([0, 1], [1, 2], curve="gain")
    with pytest.raises(
        ConfigError, match=r"^a band needs a level between 0 and 1 and 2 points or more, got 2 and 101$"
    ):
        null_band([0, 1], [1, 2], level=2)
    with pytest.raises(DataError, match=r"^treated and response must be of equal length, got 2 and 3$"):
        null_band([0, 1], [1, 2, 3])


@pytest.fixture(scope="module")
def published_test_set(hillstrom):
    """Return treated and response of the test set of He et al. (KDD 2024) for the men's campaign."""
    control, treated = (hillstrom[hillstrom["segment"] == name] for name in ("No E-Mail", "Mens E-Mail"))
    frame = pd.concat([control, treated.drop(index=13353)])
    rows = np.random.RandomState(42).permutation(len(frame))[:12784]
    test = frame.iloc[rows]
    return (test["segment"] == "Mens E-Mail").to_numpy(), test["spend"].to_numpy()


def test_the_published_test_set_is_this_one(published_test_set):
    treated, response = published_test_set
    assert (treated.sum(), (~treated).sum(), (response > 0).sum()) == (6372, 6412, 109)
    assert response[treated].mean() == pytest.approx(1.360861581920904, rel=1e-12)
    assert response[~treated].mean() == pytest.approx(0.6284856519026824, rel=1e-12)


@pytest.mark.parametrize(
    ("metric", "mean", "deviation", "high"),
    [
        ("auuc-buckets", 0.496, 0.098, 0.682),
        ("krcc", 0.0, 0.070, 0.129),
        ("lift-buckets@30", 0.717, 0.358, 1.433),
    ],
)
def test_the_noise_of_the_published_test_set(published_test_set, metric, mean, deviation, high):
    treated, response = published_test_set
    found = auuc_null_test(np.arange(len(treated)), treated, response, metric=metric, draws=1000)
    # Both sides are of 1,000 random rankings.
    error = deviation / np.sqrt(1000) * np.sqrt(2)
    assert found.mean == pytest.approx(mean, abs=4 * error + 5e-4)
    assert found.deviation == pytest.approx(deviation, abs=4 * error / np.sqrt(2) + 5e-4)
    assert found.quantile(0.975) == pytest.approx(high, abs=4 * error * 2.7 + 5e-4)


def test_the_best_published_area_lies_within_that_noise(published_test_set):
    treated, response = published_test_set
    found = auuc_null_test(np.arange(len(treated)), treated, response, metric="auuc-buckets", draws=500)
    assert found.quantile(0.9) < 0.6721 < found.quantile(0.995)
    assert rank_metrics(["auuc-buckets"], np.ones(len(treated)), treated, response) == {"auuc-buckets": 0.5}
