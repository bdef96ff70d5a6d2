"""Control variates: less variance, as theory says, without bias; beta against its definition."""

import numpy as np
import pyarrow as pa
import pytest
from game_samples import Backwards, Counting, brute_force, made, table_game

from recval.engine import Serial
from recval.errors import ConfigError
from recval.games import (
    Banzhaf,
    Beta,
    LeaveOneOut,
    LeaveOneOutSampler,
    MaxRounds,
    Permutation,
    Powerset,
    Reuse,
    Shapley,
    Values,
    estimate,
)
from recval.games.estimators import ControlVariates, KernelSHAP
from recval.games.estimators.slopes import jackknife_slopes, shrunk_slopes, sums_of
from recval.games.samplers.base import draws_of, estimates_of
from recval.games.surrogates import Quadratic, QuadraticGame, Tree
from recval.rng import numpy_generator
from recval.testing import oracle_games, z_scores

BETAS = ["pilot", "jackknife", "one", 0.7]
every_beta = pytest.mark.parametrize("beta", BETAS)


def noisy_quadratic(n_players=9, noise=0.15, seed=0):
    """Return a quadratic game, and the same with a random number added to the value of every coalition."""
    rng = np.random.default_rng(seed)
    smooth = QuadraticGame(1.0, rng.normal(size=n_players), rng.normal(size=(n_players, n_players)))
    scaled = QuadraticGame(1.0, smooth.linear / noise, smooth.pairs / noise)
    rough = table_game(n_players, rng, scaled)
    return smooth, _scaled(rough, noise)


def _scaled(game, factor):
    inner = game.value
    game.value = lambda coalitions: factor * inner(coalitions)
    return game


def both(sampler, game, surrogate, semivalue, n_rounds, seed=1):
    """Return the estimates of a game and its surrogate on the same draws, each [R, n]."""
    draws = draws_of(sampler, game.n_players, semivalue, range(n_rounds), seed)
    return estimates_of(draws, game), estimates_of(draws, surrogate)


@pytest.mark.parametrize("sampler", [Permutation(), Reuse(coalitions=20), KernelSHAP(form="unbiased", pairs=9)])
def test_variance_falls_to_what_the_correlation_leaves(sampler):
    surrogate, game = noisy_quadratic(noise=1.5)
    semivalue = Banzhaf() if isinstance(sampler, Reuse) else Shapley()
    phi, psi = both(sampler, game, surrogate, semivalue, 2000)
    left = 1 - np.array([np.corrcoef(phi[:, player], psi[:, player])[0, 1] ** 2 for player in range(9)])
    assert left.min() < 0.8
    for beta in ("pilot", "jackknife"):
        controlled = ControlVariates(sampler=sampler, surrogate=surrogate, beta=beta, draws=64)
        estimates, costs = made(controlled, game, semivalue, 1500 if beta == "pilot" else 60, seed=5)
        each = costs[0] // sampler.evaluations(9)
        ratio = each * estimates.var(0, ddof=1).sum() / phi.var(0, ddof=1).sum()
        assert ratio <= (left * phi.var(0)).sum() / phi.var(0).sum() + 0.05


@pytest.mark.parametrize("beta", ["pilot", "jackknife", "one"])
def test_a_good_quadratic_surrogate_is_worth_three_times_the_permutations(beta):
    _, game = noisy_quadratic()
    plain, _ = made(Permutation(), game, Shapley(), 1000)
    estimates, costs = made(ControlVariates(surrogate=Quadratic(), beta=beta), game, Shapley(), 1000 // 4)
    assert plain.var(0).sum() >= 3 * costs[0] / 8 * estimates.var(0).sum()


def t_of_unbiasedness(controlled, game, semivalue, n_repeats, n_rounds):
    means = [made(controlled, game, semivalue, n_rounds, seed)[0].mean(0) for seed in range(n_repeats)]
    players = pa.table({"player": np.arange(game.n_players)})
    return z_scores(Values.from_estimates(players, means), brute_force(game, semivalue))


SAMPLERS = [
    (Permutation(), Shapley()),
    (Permutation(), Beta(alpha=4, beta=1)),
    (Reuse(coalitions=16), Banzhaf()),
    (KernelSHAP(form="unbiased", pairs=4), Shapley()),
]


@every_beta
@pytest.mark.parametrize(("sampler", "semivalue"), SAMPLERS, ids=repr)
def test_no_bias(sampler, semivalue, beta):
    # Surrogate and beta are told from so little that they are bad, and differ from repeat to repeat.
    game = table_game(6, np.random.default_rng(4))
    controlled = ControlVariates(sampler=sampler, surrogate=Quadratic(coalitions=12), beta=beta, draws=4)
    assert t_of_unbiasedness(controlled, game, semivalue, 200, 2).max() < 4


@pytest.mark.slow
@pytest.mark.parametrize("name", oracle_games())
@pytest.mark.parametrize(
    "estimator",
    [
        Permutation(),
        *(ControlVariates(surrogate=Quadratic(), beta=beta, draws=8) for beta in BETAS),
        ControlVariates(surrogate=Tree(trees=10), draws=8),
        ControlVariates(surrogate=Tree(trees=10), beta="one"),
    ],
    ids=repr,
)
def test_no_bias_over_200_repeats_of_64_permutations(name, estimator):
    game = oracle_games()[name]
    n_rounds = 8 if getattr(estimator, "beta", None) == "jackknife" else 64
    assert t_of_unbiasedness(estimator, game, Shapley(), 200, n_rounds).max() < 4


@every_beta
@pytest.mark.parametrize("sampler", [Permutation(), KernelSHAP()])
def test_every_round_of_shapley_values_adds_up(beta, sampler):
    game = table_game(7, np.random.default_rng(0))
    estimates, _ = made(ControlVariates(sampler=sampler, beta=beta), game, Shapley(), 20)
    np.testing.assert_allclose(estimates.sum(1), game.grand_value - game.null_value, atol=1e-9)


def test_other_semivalues_are_not_made_to_add_up():
    surrogate, game = noisy_quadratic(6)
    estimates, _ = made(ControlVariates(surrogate=surrogate), game, Banzhaf(), 20)
    assert np.abs(estimates.sum(1) - game.grand_value + game.null_value).min() > 1e-3


@every_beta
def test_an_additive_surrogate_does_nothing_with_permutations(beta):
    rng = np.random.default_rng(0)
    additive = QuadraticGame(1.0, rng.normal(size=8), np.zeros((8, 8)))
    game = table_game(8, rng)
    _, psi = both(Permutation(), game, additive, Shapley(), 200)
    assert psi.var(0).max() < 1e-28
    controlled = ControlVariates(surrogate=additive, beta=beta, draws=4)
    estimates, _ = controlled.prepare(game, Shapley(), 0, Serial()).make(range(50), 1)
    each = 4 if beta == "jackknife" else 1
    generators = [numpy_generator(1, "round", index) for index in range(50)]
    draws = [Permutation().draw(8, Shapley(), generator) for generator in generators for _ in range(each)]
    plain = estimates_of(draws, game).reshape(50, each, 8).mean(1)
    np.testing.assert_allclose(estimates, plain, atol=1e-9)


def test_the_surrogate_itself_is_told_without_error():
    surrogate, _ = noisy_quadratic(7)
    for beta in ("pilot", "jackknife", "one"):
        estimates, _ = made(ControlVariates(surrogate=surrogate, beta=beta), surrogate, Shapley(), 5)
        np.testing.assert_allclose(estimates, np.tile(surrogate.values_of(Shapley()), (5, 1)), atol=1e-9)


def test_beta_zero_is_the_sampler():
    game = table_game(7, np.random.default_rng(0))
    np.testing.assert_allclose(
        made(ControlVariates(beta=0), game, Shapley(), 20)[0], made(Permutation(), game, Shapley(), 20)[0], atol=1e-12
    )


@pytest.mark.parametrize("surrogate", [Quadratic(coalitions=33), Tree(coalitions=20, trees=3), noisy_quadratic(7)[0]])
@every_beta
def test_what_is_evaluated_is_counted(surrogate, beta):
    game = Counting(table_game(7, np.random.default_rng(0)))
    controlled = ControlVariates(surrogate=surrogate, beta=beta, draws=5)
    rounds = controlled.prepare(game, Shapley(), 0, Serial())
    fit = 0 if isinstance(surrogate, QuadraticGame) else surrogate.coalitions
    pilot = 5 * 6 if beta == "pilot" else 0
    assert rounds.preparation == fit + pilot
    before = game.evaluations
    assert pilot <= before <= fit + pilot
    _, costs = rounds.make(range(4), 0)
    assert costs.tolist() == [rounds.most_evaluations()] * 4 == [30 if beta == "jackknife" else 6] * 4
    assert game.evaluations - before == costs.sum()


@every_beta
def test_rounds_depend_neither_on_each_other_nor_on_where_they_are_prepared(beta):
    game = table_game(7, np.random.default_rng(0))
    game.batch_size = 5
    controlled = ControlVariates(beta=beta, draws=6)
    here = controlled.prepare(game, Shapley(), 0, Serial()).make(range(8), 3)[0]
    rounds = controlled.prepare(game, Shapley(), 0, Backwards())
    alone = np.concatenate([rounds.make([index], 3)[0] for index in range(8)])
    np.testing.assert_allclose(here, alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("surrogate", [Quadratic(), Tree(trees=20)])
def test_estimates_have_the_standard_errors_they_say(surrogate):
    game = oracle_games()["unanimity"]
    values = estimate(game, ControlVariates(surrogate=surrogate), Shapley(), MaxRounds(rounds=2000), seed=0).values
    assert z_scores(values, game.exact(Shapley())).max() < 4.5


def test_slopes_without_noise_are_the_players_own():
    rng = np.random.default_rng(0)
    slope, psi = rng.normal(size=12), rng.normal(size=(16, 12))
    np.testing.assert_allclose(shrunk_slopes(*sums_of(3 + slope * psi, psi), 16), slope, atol=1e-9)


def test_noisy_slopes_are_drawn_to_the_common_one():
    rng = np.random.default_rng(0)
    psi = rng.normal(size=(8, 500))
    for slope in (np.full(500, 0.8), 0.8 + 0.3 * rng.normal(size=500)):
        squares, products, total = sums_of(slope * psi + rng.normal(size=psi.shape), psi)
        own, shrunk = products / squares, shrunk_slopes(squares, products, total, 8)
        assert ((shrunk - slope) ** 2).mean() < 0.5 * ((own - slope) ** 2).mean()
        assert ((shrunk - slope) ** 2).mean() < ((products.sum() / squares.sum() - slope) ** 2).mean() + 0.01


def test_a_player_that_the_surrogate_does_not_tell_has_the_common_slope_and_no_player_none():
    rng = np.random.default_rng(0)
    psi = rng.normal(size=(9, 3)) * [1, 0, 1]
    found = shrunk_slopes(*sums_of(2 * psi + 5, psi), 9)
    np.testing.assert_allclose(found, 2)
    np.testing.assert_array_equal(shrunk_slopes(*sums_of(psi, np.ones((9, 3)) * 0.1), 9), np.zeros(3))


def test_jackknife_slopes_are_those_of_the_other_draws():
    rng = np.random.default_rng(0)
    psi = rng.normal(size=(4, 6, 5))
    phi = psi * rng.normal(size=5) + rng.normal(size=(4, 6, 5))
    found = jackknife_slopes(phi, psi)
    for row in range(4):
        for draw in range(6):
            others = [other for other in range(6) if other != draw]
            np.testing.assert_allclose(
                found[row, draw], shrunk_slopes(*sums_of(phi[row, others], psi[row, others]), 5), atol=1e-12
            )


def test_few_players():
    for n_players in (1, 2):
        game = table_game(n_players, np.random.default_rng(1))
        for beta in BETAS:
            estimates, _ = made(ControlVariates(beta=beta), game, Shapley(), 3)
            np.testing.assert_allclose(estimates.sum(1), game.grand_value - game.null_value, atol=1e-9)


def test_a_given_surrogate_is_told_apart_in_a_checkpoint(tmp_path):
    surrogate, game = noisy_quadratic(5)
    controlled = ControlVariates(surrogate=surrogate)
    whole = estimate(game, controlled, Shapley(), MaxRounds(rounds=8), seed=0)
    estimate(game, controlled, Shapley(), MaxRounds(rounds=3), seed=0, checkpoint=tmp_path / "kept")
    resumed = estimate(game, controlled, Shapley(), MaxRounds(rounds=8), seed=0, checkpoint=tmp_path / "kept")
    np.testing.assert_array_equal(whole.values.value, resumed.values.value)
    assert resumed.evaluations == whole.evaluations
    other = ControlVariates(surrogate=QuadraticGame(0.0, np.ones(5), np.ones((5, 5))))
    assert other.model_dump(mode="json") != controlled.model_dump(mode="json")


def test_refused():
    with pytest.raises(ConfigError, match="the surrogate has 5 players, the game 6"):
        ControlVariates(surrogate=noisy_quadratic(5)[0]).check(6, Shapley())
    with pytest.raises(ConfigError, match="no surrogate can be fitted for LeaveOneOut"):
        ControlVariates().check(6, LeaveOneOut())
    with pytest.raises(ConfigError, match="'powerset' is exact"):
        ControlVariates(sampler=Powerset()).check(6, Shapley())
    with pytest.raises(ConfigError, match="is exact"):
        ControlVariates(sampler=LeaveOneOutSampler()).check(6, LeaveOneOut())
    with pytest.raises(ConfigError, match="Shapley's value only"):
        ControlVariates(sampler=KernelSHAP()).check(6, Banzhaf())
