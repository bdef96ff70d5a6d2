"""What a round of each sampler evaluates, and what follows from it."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from game_samples import SEMIVALUES, suits

from recval.declarations import Declaration, validate
from recval.errors import ConfigError
from recval.games import (
    Antithetic,
    AnyEstimator,
    Banzhaf,
    Beta,
    FunctionGame,
    LeaveOneOutSampler,
    MaxRounds,
    Owen,
    Permutation,
    Powerset,
    Reuse,
    Shapley,
    Stratified,
    estimate,
)
from recval.games.samplers.base import PlainRounds, draws_of, estimates_of
from recval.testing import AdditiveGame, SymmetricGame, oracle_games, z_scores

GAMES = oracle_games()
SAMPLERS = [Permutation(), Antithetic(), Stratified(), Owen(), Owen(halving=True), Reuse(coalitions=16)]


@pytest.mark.parametrize("semivalue", SEMIVALUES, ids=repr)
@pytest.mark.parametrize("name", GAMES)
def test_exact_estimators_are_exact(name, semivalue):
    game = GAMES[name]
    found = estimate(game, Powerset(), semivalue, MaxRounds(rounds=9), seed=0)
    np.testing.assert_allclose(found.values.value, game.exact(semivalue), atol=1e-12)
    assert (found.rounds, found.reason) == (1, "the values are exact")
    assert (found.values.standard_error == 0).all()
    if suits(LeaveOneOutSampler(), semivalue):
        found = estimate(game, LeaveOneOutSampler(), semivalue, MaxRounds(rounds=9), seed=0)
        np.testing.assert_allclose(found.values.value, game.exact(semivalue), atol=1e-12)
        assert (found.rounds, found.evaluations) == (1, game.n_players)


class OrderGiven:
    """A source of randomness that gives one order."""

    def __init__(self, order):
        self.order = order

    def permutation(self, n):
        return np.array(self.order)


@pytest.mark.parametrize("semivalue", SEMIVALUES, ids=repr)
@pytest.mark.parametrize("sampler", [Permutation(), Antithetic(), Stratified()], ids=repr)
def test_the_mean_over_all_orders_is_exact(sampler, semivalue):
    table = np.random.default_rng(3).normal(size=32)
    game = FunctionGame(5, lambda coalitions: table[coalitions @ (1 << np.arange(5))])
    draws = [sampler.draw(5, semivalue, OrderGiven(order)) for order in permutations(range(5))]
    exact = estimate(game, Powerset(), semivalue, MaxRounds(rounds=1), seed=0).values.value
    np.testing.assert_allclose(estimates_of(draws, game).mean(axis=0), exact, atol=1e-12)


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("sampler", [Permutation(), Antithetic(), Stratified(), Reuse(coalitions=3)], ids=repr)
def test_shapley_adds_up_in_every_round(sampler, name):
    game = GAMES[name]
    made, _ = PlainRounds(sampler, game, Shapley()).make(range(20), seed=2)
    np.testing.assert_allclose(made.sum(axis=1), game.grand_value - game.null_value, atol=1e-9)


@pytest.mark.parametrize("rounds", [1, 2, 3, 17])
def test_shapley_by_permutations_adds_up_to_1e_9_for_many_players(rounds):
    weights = np.random.default_rng(0).random(731) * 1e3
    game = FunctionGame(731, lambda coalitions: np.sqrt(coalitions @ weights))
    found = estimate(game, Permutation(), Shapley(), MaxRounds(rounds=rounds), seed=5)
    assert abs(found.values.value.sum() - game.grand_value) <= 1e-9


@pytest.mark.parametrize("sampler", [*SAMPLERS, Owen(quantiles=1), Reuse(coalitions=1)], ids=repr)
@pytest.mark.parametrize("semivalue", SEMIVALUES, ids=repr)
def test_few_players(sampler, semivalue):
    """One player's value is exact at once; of two, what is drawn must still be within the standard errors."""
    if not suits(sampler, semivalue):
        pytest.skip("not made for this semi-value")
    single = estimate(SymmetricGame([1.0, 3.5]), sampler, semivalue, MaxRounds(rounds=40), seed=0)
    assert single.values.value.tolist() == [2.5]
    assert (single.rounds, single.values.standard_error[0]) == (1, 0)
    two = SymmetricGame([1.0, 3.5, 4.0])
    found = estimate(two, sampler, semivalue, MaxRounds(rounds=300), seed=0)
    assert z_scores(found.values, two.exact(semivalue)).max() < 4.5


def test_a_round_has_the_coalitions_that_it_says_and_no_other_stream():
    for sampler in SAMPLERS:
        one, again, other = draws_of(sampler, 6, Shapley(), [4, 4, 5], seed=9)
        assert one.coalitions.shape == (sampler.evaluations(6), 6)
        np.testing.assert_array_equal(one.coalitions, again.coalitions)
        assert not np.array_equal(one.coalitions, other.coalitions)


def test_estimates_are_linear_in_the_values():
    rng = np.random.default_rng(4)
    for sampler in [*SAMPLERS, Powerset()]:
        draw = sampler.draw(5, Banzhaf(), np.random.default_rng(0))
        one, other = rng.normal(size=(2, len(draw.coalitions)))
        mixed = draw.estimate(2 * one - other, 2 * 0.3 - 0.1, 2 * 5.0 - 1.0)
        expected = 2 * draw.estimate(one, 0.3, 5.0) - draw.estimate(other, 0.1, 1.0)
        np.testing.assert_allclose(mixed, expected, atol=1e-12)


def test_a_stratified_round_meets_every_size_once():
    coalitions = Stratified().draw(6, Shapley(), np.random.default_rng(0)).coalitions
    assert len(np.unique(coalitions, axis=0)) == 30
    sizes, counts = np.unique(coalitions.sum(axis=1), return_counts=True)
    assert (sizes.tolist(), set(counts)) == ([1, 2, 3, 4, 5], {6})
    for size in sizes:
        assert (coalitions[coalitions.sum(axis=1) == size].sum(axis=0) == size).all()


def test_reuse_is_exact_for_what_depends_on_the_size_in_a_line():
    game = AdditiveGame([2.0] * 50)
    found = estimate(game, Reuse(coalitions=5), Banzhaf(), MaxRounds(rounds=2), seed=0)
    np.testing.assert_allclose(found.values.value, 2.0, atol=1e-12)


def test_reuse_of_many_players_meets_no_size_of_chance_0():
    game = FunctionGame(3000, lambda coalitions: np.sqrt(coalitions.sum(axis=1)))
    found = estimate(game, Reuse(coalitions=4), Banzhaf(), MaxRounds(rounds=2), seed=0)
    assert np.isfinite(found.values.value).all()


@pytest.mark.parametrize(
    ("sampler", "n_players", "semivalue", "message"),
    [
        (Powerset(), 21, Shapley(), "the powerset of 21 players is too large, at most 20 are allowed"),
        (LeaveOneOutSampler(), 5, Shapley(), "for the semi-value leave-one-out alone, got Shapley"),
        (Owen(halving=True), 5, Beta(), "halving needs a semi-value that is symmetric"),
        (Owen(halving=True), 5, Banzhaf(probability=0.4), "halving needs a semi-value that is symmetric"),
        (Stratified(), 5000, Shapley(), "a round of Stratified over 5,000 players is 116 GiB of coalitions"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(sampler, n_players, semivalue, message):
    game = FunctionGame(n_players, lambda coalitions: coalitions.sum(axis=1))
    with pytest.raises(ConfigError, match=message) as caught:
        estimate(game, sampler, semivalue, MaxRounds(rounds=1), seed=0)
    assert "\n" not in str(caught.value)


def test_a_recipe_names_its_estimator():
    class Recipe(Declaration):
        estimator: AnyEstimator

    for sampler in [*SAMPLERS, Powerset(), LeaveOneOutSampler()]:
        assert validate({"estimator": sampler.model_dump()}, Recipe).estimator == sampler
    with pytest.raises(ConfigError, match="unknown value 'permutations', did you mean 'permutation'"):
        validate({"estimator": {"kind": "permutations"}}, Recipe)
