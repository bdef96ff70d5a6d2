"""KernelSHAP: the regression's own solution, exactness, and no bias where none is claimed."""

import numpy as np
import pytest
from game_samples import Counting, brute_force, made, table_game

from recval.errors import ConfigError
from recval.games import Banzhaf, FunctionGame, KernelSHAP, MaxRounds, Shapley, estimate
from recval.testing import AdditiveGame, SymmetricGame, oracle_games, z_scores

GAMES = oracle_games()
FORMS = ["least-squares", "unbiased"]
SIZES = ["leverage", "kernel"]
every_form = pytest.mark.parametrize("form", FORMS)
every_size = pytest.mark.parametrize("sizes", SIZES)


@every_size
@pytest.mark.parametrize("pairs", [3, 10])
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in ("unanimity", "voting") else [pytest.mark.slow]) for name in GAMES]
)
def test_the_unbiased_form_is(name, pairs, sizes):
    sampler = KernelSHAP(form="unbiased", pairs=pairs, sizes=sizes)
    values = estimate(GAMES[name], sampler, Shapley(), MaxRounds(rounds=4096), seed=0).values
    assert z_scores(values, GAMES[name].exact(Shapley())).max() < 4.5


@every_size
def test_least_squares_is_exact_for_additive_games(sizes):
    weights = np.random.default_rng(0).normal(size=40)
    shifted = FunctionGame(40, lambda coalitions: coalitions @ weights + 7)
    estimates, costs = made(KernelSHAP(pairs=50, sizes=sizes), shifted, Shapley(), 3)
    np.testing.assert_allclose(estimates, np.tile(weights, (3, 1)), atol=1e-10)
    assert costs.tolist() == [100] * 3


@every_size
def test_least_squares_solves_the_constrained_regression(sizes):
    n = 7
    game = table_game(n, np.random.default_rng(1))
    draw = KernelSHAP(pairs=20, sizes=sizes).draw(n, Shapley(), np.random.default_rng(2))
    size = draw.coalitions.sum(1)
    kernel = 1.0 / (size * (n - size))
    weight = kernel if sizes == "leverage" else np.ones(len(size))
    # The normal equations with a multiplier for the constraint, on all coalitions, without any use of their pairs.
    members = draw.coalitions.astype(float)
    matrix = np.block([[members.T @ (weight[:, None] * members), np.ones((n, 1))], [np.ones((1, n)), np.zeros((1, 1))]])
    values = game.value(draw.coalitions)
    target = np.append(members.T @ (weight * (values - game.null_value)), game.grand_value - game.null_value)
    ours = draw.estimate(values, game.null_value, game.grand_value)
    np.testing.assert_allclose(ours, np.linalg.solve(matrix, target)[:n], atol=1e-9)


@every_form
@every_size
def test_large_rounds_come_to_the_values_at_the_square_root_of_their_size(form, sizes):
    game = table_game(7, np.random.default_rng(1))
    exact = brute_force(game, Shapley())
    errors = []
    for pairs in (100, 6400):
        estimates, _ = made(KernelSHAP(form=form, pairs=pairs, sizes=sizes), game, Shapley(), 60)
        errors.append(np.sqrt(((estimates - exact) ** 2).mean()))
    assert errors[0] / errors[1] == pytest.approx(8, rel=0.25)
    assert errors[1] < 0.02


@every_form
@every_size
@pytest.mark.parametrize("n_players", [1, 2, 9])
def test_every_round_adds_up_and_costs_what_it_says(n_players, form, sizes):
    game = Counting(table_game(n_players, np.random.default_rng(0)))
    sampler = KernelSHAP(form=form, sizes=sizes)
    estimates, costs = made(sampler, game, Shapley(), 5)
    np.testing.assert_allclose(estimates.sum(1), game.grand_value - game.null_value, atol=1e-9)
    assert costs.sum() == game.evaluations == 5 * sampler.evaluations(n_players)


@every_form
def test_equal_players_are_told_from_any_draw(form):
    exact = np.full(6, 0.5)
    estimates, _ = made(KernelSHAP(form=form, pairs=6), SymmetricGame(np.arange(7) / 2), Shapley(), 10)
    np.testing.assert_allclose(estimates, np.tile(exact, (10, 1)), atol=1e-12)


@every_size
def test_sizes_are_spread_evenly(sizes):
    n = 6
    drawn = KernelSHAP(pairs=1000, sizes=sizes).draw(n, Shapley(), np.random.default_rng(0)).coalitions[:1000].sum(1)
    weight = np.ones(n - 1) if sizes == "leverage" else 1 / (np.arange(1, n) * np.arange(n - 1, 0, -1))
    expected = 1000 * weight / weight.sum()
    assert np.abs(np.bincount(drawn, minlength=n)[1:] - expected).max() <= 2


def test_refused():
    with pytest.raises(ConfigError, match="Shapley's value only, not Banzhaf"):
        KernelSHAP().check(5, Banzhaf())
    with pytest.raises(ConfigError, match="least squares for 5 players needs as many pairs at least, got 4"):
        KernelSHAP(pairs=4).check(5, Shapley())
    KernelSHAP(pairs=4, form="unbiased").check(5, Shapley())
    with pytest.raises(ConfigError, match="GiB of coalitions"):
        KernelSHAP().check(100_000, Shapley())


def test_no_players():
    assert len(estimate(AdditiveGame([]), KernelSHAP(), Shapley(), MaxRounds(rounds=3), seed=0).values) == 0
