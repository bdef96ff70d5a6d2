"""The least core of games where it is known, its tie-break against another solver, and the bounds of sampling."""

import numpy as np
import pytest
from game_samples import Backwards, Counting, table_game
from scipy.optimize import minimize

from recval.errors import ConfigError, ModelError
from recval.games import FunctionGame
from recval.games.least_core import LeastCore, least_core
from recval.testing import AdditiveGame, AirportGame, GloveGame, SymmetricGame, VotingGame


def solved(game, constraints=None, seed=0, **options):
    return least_core(game, LeastCore(constraints=constraints), seed=seed, **options)


def deficits(game, payoffs):
    """Return how much less than alone every coalition but nobody and all is paid."""
    n = game.n_players
    coalitions = (np.arange(1, 2**n - 1)[:, None] >> np.arange(n) & 1).astype(bool)
    return game.value(coalitions) - game.null_value - coalitions @ payoffs


def costs(game):
    """Return the game of the opposite of costs."""
    return FunctionGame(game.n_players, lambda coalitions: -game.value(coalitions))


@pytest.mark.parametrize(
    ("game", "payoffs", "deficit"),
    [
        # The scarce side takes all; any less, and a pair would go.
        (GloveGame(3, 4), [1, 1, 1, 0, 0, 0, 0], 0),
        (GloveGame(1, 3), [1, 0, 0, 0], 0),
        # Neither side is scarce: every split along a pair is in the core, and equal shares are nearest to all.
        (GloveGame(2, 2), [0.5, 0.5, 0.5, 0.5], 0),
        # A majority of 3 of 5 could divide all; equal shares leave it 3 / 5.
        (VotingGame([1, 1, 1, 1, 1], quota=3), np.full(5, 0.2), 0.4),
        # Player 0 can veto, and takes all.
        (VotingGame([3, 1, 1, 1], quota=4), [1, 0, 0, 0], 0),
        # Unanimity: everyone can veto.
        (VotingGame([1, 1, 1], quota=3), [1 / 3, 1 / 3, 1 / 3], -1 / 3),
        # What the larger plane saves and what the smaller one saves add up to the cost of the smaller.
        (costs(AirportGame([1, 5])), [-0.5, -4.5], -0.5),
        (SymmetricGame([3, 3, 3, 6, 6]), np.full(4, 0.75), 0.75),
    ],
)
def test_known_least_cores(game, payoffs, deficit):
    found = solved(game)
    np.testing.assert_allclose(found.values.value, payoffs, atol=1e-8)
    assert found.deficit == pytest.approx(deficit, abs=1e-8)
    assert found.violated == 0
    assert found.evaluations == 2**game.n_players - 2


@pytest.mark.parametrize("runway", [[2, 3, 3, 8, 11], [1, 2, 4, 7], [5, 5, 5, 5, 5, 5], [1, 6, 6, 7, 7, 7, 20]])
def test_airports(runway):
    # The first k planes must each pay what all others save at least, and together less than their runway by as much
    # (Littlechild, "A simple expression for the nucleolus in a special case", 1974).
    saved = min(cost / (k + 2) for k, cost in enumerate(runway[:-1]))
    assert solved(costs(AirportGame(runway))).deficit == pytest.approx(-saved, abs=1e-8)


@pytest.mark.parametrize("seed", range(5))
def test_payoffs_are_those_of_least_norm(seed):
    smooth = AdditiveGame([3, 1, 0, -1, 2])
    game = table_game(5, np.random.default_rng(seed), smooth)
    found = solved(game)
    assert found.deficit == pytest.approx(deficits(game, found.values.value).max(), abs=1e-9)
    constraints = [
        {"type": "eq", "fun": lambda x: x.sum() - (game.grand_value - game.null_value)},
        {"type": "ineq", "fun": lambda x: found.deficit + 1e-7 - deficits(game, x)},
    ]
    other = minimize(lambda x: x @ x, found.values.value + 0.1, constraints=constraints, options={"ftol": 1e-12})
    assert other.success
    np.testing.assert_allclose(found.values.value, other.x, atol=1e-4)
    lower = [constraints[0], {"type": "ineq", "fun": lambda x: found.deficit - 1e-3 - deficits(game, x)}]
    assert not minimize(lambda x: 0.0, found.values.value, constraints=lower).success


def test_payoffs_add_up_whatever_the_scale():
    for scale in (1e-9, 1.0, 1e9):
        game = table_game(8, np.random.default_rng(0))
        scaled = FunctionGame(8, lambda coalitions, scale=scale, game=game: scale * game.value(coalitions) + scale)
        found = solved(scaled)
        assert found.values.value.sum() == pytest.approx(scaled.grand_value - scaled.null_value, abs=1e-9 * scale)
        np.testing.assert_allclose(found.values.value / scale, solved(game).values.value, atol=1e-7)


def test_sampled_constraints_keep_their_bounds():
    game = table_game(9, np.random.default_rng(0), SymmetricGame(np.sqrt(np.arange(10)) * 3))
    least = solved(game).deficit
    exceeded = []
    for seed in range(60):
        found = solved(game, 90, seed)
        assert found.deficit <= least + 1e-8
        share = (deficits(game, found.values.value) > found.deficit + 1e-9).mean()
        exceeded.append(share > found.violated)
        assert 0.1 < found.violated < 0.2
    assert sum(exceeded) <= 7  # 3 are expected at most


def test_more_constraints_come_to_the_least_core():
    game = table_game(6, np.random.default_rng(3))
    whole, sampled = solved(game), solved(game, 2000)
    np.testing.assert_allclose(sampled.values.value, whole.values.value, atol=1e-7)
    assert sampled.deficit == pytest.approx(whole.deficit, abs=1e-8)


def test_few_constraints_have_a_bound_and_many_players_a_solution():
    game = AdditiveGame(np.arange(60.0))
    found = solved(game, 1)
    assert found.violated == 1
    assert found.values.value.sum() == pytest.approx(game.grand_value)
    assert solved(game, 300).deficit == pytest.approx(0, abs=1e-6)


def test_values_have_no_standard_errors():
    values = solved(GloveGame(2, 3)).values
    assert np.isinf(values.standard_error).all()
    assert values.players.column_names == ["player"]


@pytest.mark.parametrize("constraints", [None, 5])
def test_no_players_and_one(constraints):
    assert len(solved(AdditiveGame([]), constraints).values) == 0
    found = solved(AdditiveGame([4.0]), constraints)
    assert found.values.value.tolist() == [4.0]
    assert (found.deficit, found.violated) == (0.0, 0.0)


def test_a_game_worth_nothing_pays_nothing():
    np.testing.assert_allclose(solved(AdditiveGame(np.zeros(4))).values.value, 0, atol=1e-9)


def test_every_coalition_is_evaluated_once_wherever():
    game = Counting(table_game(7, np.random.default_rng(0)))
    game.batch_size = 9
    here = solved(game, 40)
    assert game.evaluations == here.evaluations == 80
    np.testing.assert_array_equal(here.values.value, solved(game, 40, executor=Backwards()).values.value)


def test_refused():
    with pytest.raises(ConfigError, match="16 players are too many, 15 players at most: set constraints"):
        solved(AdditiveGame(np.ones(16)))
    broken = FunctionGame(3, lambda coalitions: np.where(coalitions.sum(1) == 2, np.nan, 1.0))
    with pytest.raises(ModelError, match="not finite"):
        solved(broken)
