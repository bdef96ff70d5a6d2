"""Stopping rules: when they are met, what they say, and what they do at zero and on nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from recval.declarations import Declaration, validate
from recval.errors import ConfigError
from recval.games import (
    FunctionGame,
    MaxEvaluations,
    MaxRounds,
    Owen,
    Permutation,
    RankStability,
    Shapley,
    StandardError,
    Stop,
    estimate,
)
from recval.games.progress import Progress
from recval.testing import AdditiveGame, oracle_games

GAME = oracle_games()["unanimity"]
RULES = [
    MaxRounds(rounds=0),
    MaxRounds(rounds=20),
    MaxEvaluations(evaluations=0),
    MaxEvaluations(evaluations=90),
    StandardError(tolerance=0.5),
    StandardError(tolerance=0.0),
    StandardError(tolerance=0.1, quantile=0.5, relative=True),
    RankStability(threshold=0.9),
    RankStability(threshold=1.0),
]


def progress_of(estimates, evaluations=3):
    """Return the progress after these rounds, shape [rounds, n]."""
    progress = Progress.none(np.shape(estimates)[1])
    progress = Progress(progress.even, progress.odd, 0, evaluations)
    for row in estimates:
        progress = progress.plus(np.asarray(row, float), evaluations)
    return progress


@given(
    rounds=st.integers(0, 24),
    n=st.integers(0, 4),
    level=st.sampled_from([0.0, 1.0, -1e9]),
    noise=st.sampled_from([0.0, 1.0]),
)
@settings(deadline=None, derandomize=True, max_examples=40)
@pytest.mark.filterwarnings("error")
def test_completion_is_a_share_on_any_progress(rounds, n, level, noise):
    progress = progress_of(level + noise * np.random.default_rng(rounds).normal(size=(rounds, n)))
    for one in RULES:
        assert 0 <= one.completion(progress) <= 1
        assert one.remaining(progress) >= (0 if one.completion(progress) == 1 else 1)
        assert one.reason(progress)
        for other in RULES:
            found = one.completion(progress), other.completion(progress)
            assert (one | other).completion(progress) == max(found)
            assert (one & other).completion(progress) == min(found)


def test_a_count_is_met_when_it_is_reached():
    rule = MaxRounds(rounds=4)
    assert [rule.completion(progress_of(np.zeros((made, 2)))) for made in range(6)] == [0, 0.25, 0.5, 0.75, 1, 1]
    assert rule.remaining(progress_of(np.zeros((1, 2)))) == 3


def test_a_round_that_could_go_over_the_evaluations_is_not_begun():
    for most in range(40):
        found = estimate(GAME, Permutation(), Shapley(), MaxEvaluations(evaluations=most), seed=0)
        assert (found.rounds, found.evaluations) == (most // 6, most // 6 * 6)
    assert found.reason == "evaluations made: 36 of at most 39, where a round takes up to 6"


def test_rounds_that_evaluate_nothing_end_all_the_same():
    progress = progress_of(np.zeros((7, 3)), evaluations=0)
    assert MaxEvaluations(evaluations=7).completion(progress) == 1
    assert MaxEvaluations(evaluations=8).completion(progress) < 1
    assert MaxEvaluations(evaluations=8).remaining(progress) == 1


def test_remaining_rounds_are_told_by_what_a_round_has_cost():
    progress = progress_of(np.zeros((10, 3)), evaluations=3)
    cheaper = Progress(progress.even, progress.odd, evaluations=10, most_evaluations=3)
    assert MaxEvaluations(evaluations=40).remaining(progress) == 3
    assert MaxEvaluations(evaluations=40).remaining(cheaper) == 30


def test_standard_error_is_met_at_the_tolerance():
    estimates = np.random.default_rng(0).normal(scale=[1, 2, 30], size=(100, 3)) + 5
    progress = progress_of(estimates)
    errors = estimates.std(axis=0, ddof=1) / 10
    np.testing.assert_allclose(progress.standard_error, errors, rtol=1e-12)
    assert StandardError(tolerance=errors.max() * 1.001).completion(progress) == 1
    assert StandardError(tolerance=errors.max() * 0.999).completion(progress) < 1
    assert StandardError(tolerance=errors.max() / 2).completion(progress) == pytest.approx(0.25)
    assert StandardError(tolerance=np.sort(errors)[1] * 1.001, quantile=2 / 3).completion(progress) == 1
    share = errors.max() / np.abs(estimates.mean(axis=0)).mean()
    assert StandardError(tolerance=share * 1.001, relative=True).completion(progress) == 1
    assert StandardError(tolerance=share * 0.999, relative=True).completion(progress) < 1


def test_a_few_rounds_that_agree_by_chance_are_not_enough():
    same = progress_of(np.tile([1.0, 2.0, 3.0], (5, 1)))
    assert StandardError(tolerance=0.1, least_rounds=10).completion(same) == 0.5
    assert RankStability(threshold=0.9, least_rounds=10).completion(same) == 0.5
    assert StandardError(tolerance=0.0, least_rounds=5).completion(same) == 1
    assert RankStability(threshold=1.0, least_rounds=5).completion(same) == 1


def test_rank_stability_is_the_corrected_correlation_of_the_halves():
    estimates = np.random.default_rng(0).normal(size=(40, 12)) + np.linspace(0, 1, 12)
    progress = progress_of(estimates)
    half = spearmanr(estimates[::2].mean(axis=0), estimates[1::2].mean(axis=0)).statistic
    assert RankStability.stability(progress) == pytest.approx(2 * half / (1 + half))
    assert RankStability(threshold=2 * half / (1 + half) - 1e-9).completion(progress) == 1
    assert RankStability(threshold=2 * half / (1 + half) + 1e-9).completion(progress) < 1


def test_opposite_or_constant_halves_are_not_stable():
    opposite = progress_of([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]] * 20)
    assert RankStability.stability(opposite) == 0
    constant = progress_of([[1.0, 1.0, 1.0], [3.0, 2.0, 1.0]] * 20)
    assert RankStability.stability(constant) == 0
    assert RankStability.stability(progress_of([[1.0, 1.0]] * 20)) == 1


@pytest.mark.parametrize(
    "stop",
    [
        StandardError(tolerance=0.05) | MaxRounds(rounds=10_000),
        RankStability(threshold=0.95) | MaxRounds(rounds=10_000),
        (StandardError(tolerance=0.08) & RankStability(threshold=0.9)) | MaxEvaluations(evaluations=60_000),
        MaxRounds(rounds=300) & MaxEvaluations(evaluations=600),
    ],
    ids=repr,
)
def test_an_estimate_ends_with_the_first_round_that_meets_the_rule(stop):
    shares = []
    found = estimate(GAME, Permutation(), Shapley(), stop, seed=0, report=shares.append)
    assert stop.completion(found.progress) == 1
    assert found.reason == stop.reason(found.progress)
    before = estimate(GAME, Permutation(), Shapley(), MaxRounds(rounds=found.rounds - 1), seed=0)
    assert stop.completion(before.progress) < 1
    assert shares == sorted(shares)
    assert shares[-1] == 1


@pytest.mark.parametrize(
    "stop",
    [
        StandardError(tolerance=0.0),
        RankStability(threshold=0.5),
        StandardError(tolerance=1.0) & MaxRounds(rounds=5),
        StandardError(tolerance=1.0) | RankStability(threshold=0.5),
    ],
    ids=repr,
)
def test_a_rule_that_may_never_be_met_is_refused(stop):
    with pytest.raises(ConfigError, match=r"may never be met: join MaxRounds or MaxEvaluations to it by \|"):
        estimate(GAME, Owen(), Shapley(), stop, seed=0)


@pytest.mark.parametrize("stop", RULES, ids=repr)
@pytest.mark.filterwarnings("error")
def test_nobody_and_nothing(stop):
    nobody = estimate(FunctionGame(0, lambda coalitions: coalitions.sum(axis=1)), Owen(), Shapley(), stop, seed=0)
    assert (len(nobody.values), nobody.rounds, nobody.evaluations) == (0, 0, 0)
    assert nobody.reason == "there are no players"
    one = estimate(AdditiveGame([3.0]), Owen(), Shapley(), stop, seed=0)
    assert one.rounds in (0, 1)


@pytest.mark.parametrize("stop", [MaxRounds(rounds=0), MaxEvaluations(evaluations=0), MaxEvaluations(evaluations=5)])
@pytest.mark.filterwarnings("error")
def test_zero_rounds_give_values_without_any_estimate(stop):
    shares = []
    found = estimate(GAME, Permutation(), Shapley(), stop, seed=0, report=shares.append)
    assert (found.rounds, found.evaluations, shares) == (0, 0, [1.0])
    assert np.isnan(found.values.value).all()
    assert np.isinf(found.values.standard_error).all()
    assert found.values.count.tolist() == [0] * 7


class Recipe(Declaration):
    stop: Stop


def test_a_recipe_says_the_first_that_is_met():
    told = {"rounds": 64, "standard_error": 0.001, "rank_stability": {"threshold": 0.9, "least_rounds": 8}}
    stop = validate({"stop": told}, Recipe).stop
    same = MaxRounds(rounds=64) | StandardError(tolerance=0.001) | RankStability(threshold=0.9, least_rounds=8)
    assert stop == validate({"stop": stop.model_dump()}, Recipe).stop
    for rounds in (0, 3, 9, 64):
        progress = progress_of(np.random.default_rng(1).normal(size=(rounds, 5)))
        assert stop.completion(progress) == same.completion(progress)
        assert stop.remaining(progress) == same.remaining(progress)
    assert stop.reason(progress) == "rounds made: 64"


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({}, "stop: one of 'rounds' and 'evaluations' must be given, for other rules may never be met"),
        ({"rank_stability": 0.9}, "stop: one of 'rounds' and 'evaluations' must be given"),
        ({"round": 3}, "unknown key 'stop.round', did you mean 'rounds'"),
        ({"rounds": -1}, "stop.rounds: should be greater than or equal to 0. Got -1 instead"),
        ({"rounds": 1, "standard_error": -1}, "stop.standard_error: should be greater than or equal to 0. Got -1"),
        ({"rounds": 1, "rank_stability": 1.5}, "stop.rank_stability: should be less than or equal to 1. Got 1.5"),
        ({"rounds": 1, "rank_stability": {"least": 3}}, "rank_stability.threshold' is missing"),
    ],
)
def test_a_bad_rule_is_refused(told, message):
    with pytest.raises(ConfigError) as caught:
        validate({"stop": told}, Recipe)
    assert message in str(caught.value)


def test_infinity_is_no_tolerance():
    with pytest.raises(ConfigError, match="finite"):
        validate({"stop": {"rounds": 1, "standard_error": math.inf}}, Recipe)
