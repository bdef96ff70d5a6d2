"""Bootstrap: weights are rows given as often, standard errors have a closed form, and intervals hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_experiment import drawn_experiment

from recval.errors import ConfigError, DataError
from recval.uplift.metrics import bootstrap, bootstrap_rate, rank_metrics, rate
from recval.uplift.metrics.bootstrap import _resamples
from recval.uplift.metrics.rank_metrics import rank_metric
from recval.uplift.metrics.ranking import Ranking

EXACT = ("auuc", "auuc-undivided", "auuc-binary", "qini", "qini-undivided", "qini-binary", "lift@30", "lift-by-arm@30")


@pytest.mark.parametrize("metric", EXACT)
@pytest.mark.parametrize("ties", [True, False])
def test_whole_weights_count_as_rows_given_as_often(metric, ties):
    chosen = rank_metric(metric)
    for seed in range(10):
        ranking = Ranking.of(*drawn_experiment(seed, n=40, ties=ties, binary=True))
        strata = [np.flatnonzero(ranking.treated), np.flatnonzero(~ranking.treated)]
        (weights,) = _resamples(strata, 6, np.random.default_rng(seed))
        together = chosen.of(ranking.sums(weights))
        for row, value in zip(weights.astype(int), together, strict=True):
            again = Ranking.of(*(np.repeat(part, row) for part in (ranking.score, ranking.treated, ranking.response)))
            assert again.treated.sum() == ranking.treated.sum()
            assert value == pytest.approx(chosen(again, again.sums()), rel=1e-9, abs=1e-9, nan_ok=True)


def test_every_row_is_drawn_as_often_as_any_other_of_its_arm():
    strata = [np.arange(0, 30, 3), np.setdiff1d(np.arange(30), np.arange(0, 30, 3))]
    weights = np.concatenate(list(_resamples(strata, 100_000, np.random.default_rng(0))))
    assert weights.shape == (100_000, 30)
    np.testing.assert_array_equal(weights[:, strata[0]].sum(axis=1), 10)
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=4 * weights.std() / np.sqrt(100_000))


def test_the_standard_error_of_the_whole_lift_is_that_of_two_means():
    score, treated, response = drawn_experiment(0, n=400)
    found = bootstrap(score, treated, response, metric="lift@100", resamples=4000)
    expected = np.sqrt(sum(response[arm].var() / arm.sum() for arm in (treated, ~treated)))
    assert found.standard_error == pytest.approx(expected, rel=4 / np.sqrt(8000))
    assert found.value == pytest.approx(response[treated].mean() - response[~treated].mean())
    width = found.high - found.low
    assert width == pytest.approx(2 * 1.96 * expected, rel=0.1)


def test_the_standard_error_of_a_mean_of_effects_is_that_of_a_mean():
    effect = np.random.default_rng(0).normal(size=500)
    score = np.arange(500.0)
    found = bootstrap_rate(score, effect, weighting="qini", resamples=4000)
    # The Qini integral is the mean of effects weighted by how far above the middle of the ranking they lie.
    influence = (effect - effect.mean()) * (score / 500 - 0.5) * 1.0
    assert found.value == pytest.approx(rate(score, effect, weighting="qini"))
    assert found.value == pytest.approx(influence.mean(), abs=2e-3)
    assert found.low < found.value < found.high
    assert found.standard_error == pytest.approx(np.sqrt(1 / 12 / 500), rel=0.15)


@pytest.mark.parametrize("metric", ["auuc", "auuc-buckets", "auqc", "krcc", "lift@30"])
def test_the_value_is_the_metric_and_the_seed_decides_the_rest(metric):
    given = drawn_experiment(7, n=300)
    first, again, other = (bootstrap(*given, metric=metric, resamples=50, rng=seed) for seed in (1, 1, 2))
    assert first == again != other
    assert first.value == rank_metrics([metric], *given)[metric]
    narrow = bootstrap(*given, metric=metric, resamples=50, rng=1, level=0.5)
    assert first.low <= narrow.low <= narrow.high <= first.high


def test_what_cannot_be_resampled_is_refused():
    given = drawn_experiment(7, n=30)
    with pytest.raises(ConfigError, match=r"^unknown rank metric 'auc', did you mean"):
        bootstrap(*given, metric="auc")
    with pytest.raises(ConfigError, match=r"^the level must be between 0 and 1, got 1$"):
        bootstrap(*given, level=1)
    with pytest.raises(ConfigError, match=r"^resamples must be at least 2, got 1$"):
        bootstrap(*given, resamples=1)
    with pytest.raises(DataError, match=r"^scikit-uplift's normalisation needs responses of 0 and 1"):
        bootstrap(*given, metric="qini-binary")


def population(n, rng):
    """Return customers whose uplift rises with the score, of whom 3 in 10 buy."""
    score = rng.random(n)
    treated = rng.random(n) < 0.5
    response = (rng.random(n) < 0.3) * rng.gamma(2, 10 * (1 + treated * score))
    return score, treated, response


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["auuc", "qini", "qini-undivided", "auqc", "lift@30"])
def test_intervals_hold_the_value_of_the_population_as_often_as_they_say(metric):
    rng = np.random.default_rng(0)
    n, samples = 1500, 400
    whole = rank_metrics([metric], *population(4_000_000, rng))[metric]
    if metric == "qini-undivided":
        whole *= n / 4_000_000
    intervals = [bootstrap(*population(n, rng), metric=metric, resamples=300, rng=seed) for seed in range(samples)]
    held = np.mean([found.low <= whole <= found.high for found in intervals])
    assert 0.95 - 4 * np.sqrt(0.05 * 0.95 / samples) - 0.01 <= held <= 0.99
