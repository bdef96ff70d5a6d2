"""TOC and RATE: their definition by brute force, with numerical integration."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_experiment import drawn_experiment
from scipy.integrate import quad

from recval.errors import ConfigError, DataError
from recval.uplift.metrics import effect_curve, randomised_effects, rate, toc
from recval.uplift.metrics.curves import effect_of, ranked_effects
from recval.uplift.metrics.toc import rate_of


def case(seed, ties):
    score, _, effect = drawn_experiment(seed, n=12, ties=ties)
    return score, effect - 3


def naive_toc(score, effect, q):
    """Return the mean effect of the top q, the row that q goes through in part, less that of all."""
    by_tie = {s: effect[score == s].mean() for s in score}
    ranked = np.array([by_tie[s] for s in np.sort(score)[::-1]])
    part = np.clip(q * len(score) - np.arange(len(score)), 0, 1)
    return (part * ranked).sum() / (q * len(score)) - effect.mean()


@pytest.mark.parametrize("ties", [True, False])
def test_toc_is_how_much_more_the_top_gains(ties):
    for seed in range(10):
        score, effect = case(seed, ties)
        shares = np.array([1e-3, 0.01, 0.3, 0.5, 0.77, 1.0])
        expected = [naive_toc(score, effect, q) for q in shares]
        np.testing.assert_allclose(toc(score, effect, shares), expected, atol=1e-9)


@pytest.mark.parametrize(("weighting", "weight"), [("autoc", lambda q: 1.0), ("qini", lambda q: q)])
@pytest.mark.parametrize("ties", [True, False])
def test_rate_is_the_weighted_integral_of_toc(ties, weighting, weight):
    for seed in range(6):
        score, effect = case(seed, ties)
        expected = sum(
            quad(lambda q: weight(q) * naive_toc(score, effect, q), at / 12 or 1e-12, (at + 1) / 12)[0]  # noqa: B023
            for at in range(12)
        )
        assert rate(score, effect, weighting=weighting) == pytest.approx(expected, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("weighting", ["autoc", "qini"])
def test_rate_of_a_constant_score_is_0_and_that_of_the_truth_the_largest(weighting):
    rng = np.random.default_rng(0)
    effect = rng.normal(2, 3, 300)
    assert rate(np.ones(300), effect, weighting=weighting) == 0.0
    best = rate(effect, effect, weighting=weighting)
    assert best > max(rate(rng.random(300), effect, weighting=weighting) for _ in range(100))


@pytest.mark.parametrize("weighting", ["autoc", "qini"])
def test_whole_weights_count_as_rows_given_as_often(weighting):
    score, effect = case(3, ties=True)
    ends, ranked = ranked_effects(score, effect)
    weights = np.random.default_rng(1).integers(0, 4, (9, 12)).astype(float)
    weights[0, :5] = 0
    ordered = np.sort(score)[::-1]
    expected = [
        rate(np.repeat(ordered, w.astype(int)), np.repeat(ranked, w.astype(int)), weighting=weighting) for w in weights
    ]
    np.testing.assert_allclose(rate_of(effect_of(ends, ranked, weights), weighting), expected, atol=1e-10)


def test_randomised_effects_have_the_difference_of_means_as_mean_and_are_unbiased_by_group():
    _, treated, response = drawn_experiment(4)
    effects = randomised_effects(treated, response)
    assert effects.mean() == pytest.approx(response[treated].mean() - response[~treated].mean())
    rng = np.random.default_rng(0)
    group = np.arange(200_000) % 2
    treated = rng.random(200_000) < 0.3
    effects = randomised_effects(treated, 5 + group * treated * 4 + rng.normal(size=200_000), 0.3)
    for value, expected in ((0, 0.0), (1, 4.0)):
        part = effects[group == value]
        assert part.mean() == pytest.approx(expected, abs=4 * part.std() / np.sqrt(len(part)))


def test_what_toc_cannot_be_of_is_refused():
    with pytest.raises(ConfigError, match=r"^shares must be above 0 and at most 1, got 0 to 1$"):
        toc([1, 2], [1, 2], [0, 1])
    with pytest.raises(ConfigError, match=r"^unknown weighting 'auc', did you mean 'autoc'"):
        rate([1, 2], [1, 2], weighting="auc")
    with pytest.raises(DataError, match=r"^effect must be finite, got nan in row 1"):
        effect_curve([1, 2], [1, np.nan])
    with pytest.raises(DataError, match=r"^the chance of treatment must be above 0 and below 1, got 0 to 0.5$"):
        randomised_effects([1, 0], [1, 2], [0, 0.5])
    with pytest.raises(DataError, match=r"^treated and response must be of equal length, got 2 and 3$"):
        randomised_effects([1, 0], [1, 2, 3])
