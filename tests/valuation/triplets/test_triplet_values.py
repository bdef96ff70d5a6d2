"""Values of triplets by permutations, with and without the expansion as a control variate, against all coalitions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from triplet_samples import all_coalitions, backbone_of, game_of, shapley_by_definition

from recval.games import FunctionGame, Shapley
from recval.games.estimating import estimate
from recval.games.estimators.control_variates import ControlVariates
from recval.games.samplers import Permutation
from recval.games.stopping import MaxRounds
from recval.valuation.triplets import taylor_game

N_PLAYERS, RATE = 8, 40.0
BITS = 2 ** np.arange(N_PLAYERS)


@pytest.fixture(scope="module")
def played():
    """The game by its table of all coalitions, its expansion, and its values; the step is so large that they differ."""
    game, _ = game_of(backbone_of("factors"), N_PLAYERS, RATE)
    table = game.value(all_coalitions(N_PLAYERS))
    return FunctionGame(N_PLAYERS, lambda coalitions: table[coalitions @ BITS]), taylor_game(game), table


def estimators(surrogate):
    return {
        "plain": Permutation(),
        "one": ControlVariates(surrogate=surrogate, beta="one"),
        "pilot": ControlVariates(surrogate=surrogate, beta="pilot", draws=8),
        "jackknife": ControlVariates(surrogate=surrogate, beta="jackknife", draws=8),
    }


@pytest.mark.parametrize("name", ["plain", "one", "pilot", "jackknife"])
def test_permutations_find_the_shapley_values(played, name):
    game, surrogate, table = played
    found = estimate(game, estimators(surrogate)[name], Shapley(), MaxRounds(rounds=1024), seed=1).values
    exact = shapley_by_definition(table, N_PLAYERS)
    assert np.abs((found.value - exact) / found.standard_error).max() < 4.5
    assert np.isfinite(found.standard_error).all()


@pytest.mark.parametrize("name", ["plain", "one", "pilot", "jackknife"])
def test_they_are_unbiased_and_add_up(played, name):
    """200 estimates of 64 permutations each: the t-test of every player's mean, adjusted by Bonferroni."""
    game, surrogate, table = played
    estimator = estimators(surrogate)[name]
    rounds = 64 // (8 if name == "jackknife" else 1)
    found = np.stack(
        [estimate(game, estimator, Shapley(), MaxRounds(rounds=rounds), seed=seed).values.value for seed in range(200)]
    )
    t = (found.mean(0) - shapley_by_definition(table, N_PLAYERS)) / (found.std(0, ddof=1) / np.sqrt(200))
    assert np.abs(t).max() < min(4.0, norm.isf(1e-4 / N_PLAYERS))
    np.testing.assert_allclose(found.sum(1), table[-1] - table[0], atol=1e-9)


def test_the_control_variate_leaves_the_variance_that_its_correlation_says(played):
    game, surrogate, _ = played
    plain = Permutation().prepare(game, Shapley(), 0, None).make(range(4096), 5)[0]
    cheap = Permutation().prepare(surrogate, Shapley(), 0, None).make(range(4096), 5)[0]
    rho = np.array([np.corrcoef(one, other)[0, 1] for one, other in zip(plain.T, cheap.T, strict=True)])
    controlled = ControlVariates(surrogate=surrogate, beta="pilot", draws=64)
    rounds = estimate(game, controlled, Shapley(), MaxRounds(rounds=4096), seed=5).values.variance
    assert (rounds.sum() / plain.var(0, ddof=1).sum()) < (1 - rho**2).max() + 0.05
    assert rho.min() > 0.5, "the expansion has nothing to do with the game"
    assert (1 - rho**2).max() > 1e-4, "the game is as good as quadratic, so the test says little"
