"""Truncated permutations: exact efficiency, the bias as stated, and none with an audit."""

import numpy as np
import pytest
from game_samples import Counting, made, table_game

from recval.errors import ConfigError
from recval.games import Banzhaf, FunctionGame, MaxRounds, Permutation, Shapley, estimate
from recval.games.estimators import Truncated
from recval.testing import SymmetricGame, oracle_games, z_scores

SMALL, TOLERANCE = 0.05, 0.051
EXACT = np.array([SMALL, *np.zeros(7)]) + 1 / 8


def saturated():
    """Return a game of 8 players that any 3 saturate but for what player 0 adds."""
    return FunctionGame(8, lambda coalitions: np.minimum(coalitions.sum(1), 3) / 3 + SMALL * coalitions[:, 0])


def rough():
    """Return a game of 9 players that any 4 saturate, and a random number for each coalition."""
    return table_game(9, np.random.default_rng(0), SymmetricGame(4 * np.minimum(np.arange(10), 4)))


def test_the_bias_is_the_one_derived_and_within_the_bounds():
    truncated = Truncated(tolerance=TOLERANCE, scale="absolute", patience=1, block=1)
    values = estimate(saturated(), truncated, Shapley(), MaxRounds(rounds=20_000), seed=0).values
    # Every order stops after 3; player 0 comes later in 5 of 8 and then gets a fifth of what it adds.
    late = 5 / 8
    bias = np.array([-4, *np.full(7, 4 / 7)]) * late * SMALL / 5
    assert z_scores(values, EXACT + bias).max() < 4.5
    assert z_scores(values, EXACT).max() > 10
    found = values.value - EXACT
    assert np.abs(found).max() <= late * TOLERANCE
    assert np.abs(found).sum() <= 2 * TOLERANCE
    assert abs(found.sum()) < 1e-9


def test_an_audit_takes_the_bias_away():
    truncated = Truncated(tolerance=TOLERANCE, scale="absolute", patience=1, block=1, audit=0.3)
    found = estimate(saturated(), truncated, Shapley(), MaxRounds(rounds=10_000), seed=0)
    assert z_scores(found.values, EXACT).max() < 4.5
    assert found.evaluations == pytest.approx(10_000 * (3 + 0.3 * 4), rel=0.03)


@pytest.mark.parametrize("name", oracle_games())
def test_an_audit_is_unbiased_where_orders_stop_by_accident(name):
    game = oracle_games()[name]
    truncated = Truncated(tolerance=0.4, patience=1, block=2, audit=0.5)
    values = estimate(game, truncated, Shapley(), MaxRounds(rounds=4096), seed=1).values
    assert z_scores(values, game.exact(Shapley())).max() < 4.5


@pytest.mark.parametrize("audit", [0.0, 0.4])
def test_every_round_adds_up(audit):
    game = rough()
    estimates, costs = made(Truncated(tolerance=0.2, patience=2, block=3, audit=audit), game, Shapley(), 200)
    np.testing.assert_allclose(estimates.sum(1), game.grand_value - game.null_value, atol=1e-9)
    assert 0 < (costs < 8).sum() < 200


def test_without_a_stop_it_is_permutation_sampling():
    game = rough()
    ours, costs = made(Truncated(tolerance=0, block=4), game, Shapley(), 50)
    plain, theirs = made(Permutation(), game, Shapley(), 50)
    np.testing.assert_allclose(ours, plain, atol=1e-12)
    np.testing.assert_array_equal(costs, theirs)


def test_rounds_do_not_depend_on_those_made_with_them():
    game = rough()
    rounds = Truncated(tolerance=0.2, patience=2, block=3, audit=0.4).prepare(game, Shapley(), 0, None)
    together = rounds.make(range(40), 7)
    alone = [rounds.make([index], 7) for index in range(40)]
    np.testing.assert_array_equal(together[0], np.concatenate([estimates for estimates, _ in alone]))
    np.testing.assert_array_equal(together[1], np.concatenate([costs for _, costs in alone]))


def test_costs_are_the_evaluations():
    game = Counting(rough())
    _, costs = made(Truncated(tolerance=0.2, patience=1, block=3), game, Shapley(), 40)
    assert costs.sum() == game.evaluations


def test_it_stops_at_the_end_of_the_block_in_which_patience_is_met():
    step = SymmetricGame(np.minimum(np.arange(101), 20))
    for patience, block, cost in ((1, 1, 20), (5, 1, 24), (5, 8, 24), (6, 8, 32), (1, 50, 50), (80, 8, 99)):
        _, costs = made(Truncated(patience=patience, block=block), step, Shapley(), 3)
        assert costs.tolist() == [cost] * 3


@pytest.mark.parametrize("scale", ["relative", "absolute"])
def test_it_does_not_stop_where_nobody_is_worth_as_much_as_all(scale):
    game = SymmetricGame([0, 0, 0, 0, 0, 5, 0, 0])
    _, costs = made(Truncated(scale=scale, patience=1, block=1), game, Shapley(), 5)
    assert costs.tolist() == [6] * 5


@pytest.mark.parametrize("n_players", [1, 2])
def test_few_players(n_players):
    game = SymmetricGame(np.arange(n_players + 1) + 3.0)
    estimates, costs = made(Truncated(audit=0.5), game, Shapley(), 2)
    np.testing.assert_array_equal(estimates, 1.0)
    assert costs.tolist() == [n_players - 1] * 2


def test_other_semivalues_are_refused():
    with pytest.raises(ConfigError, match="Shapley's value only, not Banzhaf"):
        estimate(saturated(), Truncated(), Banzhaf(), MaxRounds(rounds=1), seed=0)
