"""The games with known semi-values: closed forms against the definition, and against the textbooks."""

from __future__ import annotations

import pickle
from itertools import permutations
from math import factorial

import numpy as np
import pyarrow as pa
import pytest
from game_samples import SEMIVALUES, by_definition

from recval.games import Banzhaf, Shapley, Values
from recval.testing import (
    AirportGame,
    GloveGame,
    SpanningTreeGame,
    SymmetricGame,
    UnanimityGame,
    VotingGame,
    oracle_games,
    z_scores,
)

GAMES = oracle_games()


@pytest.mark.parametrize("semivalue", SEMIVALUES, ids=repr)
@pytest.mark.parametrize("name", GAMES)
def test_closed_forms_are_the_definitions(name, semivalue):
    np.testing.assert_allclose(GAMES[name].exact(semivalue), by_definition(GAMES[name], semivalue), atol=1e-12)


def test_shapley_is_the_mean_over_all_orders():
    game = GloveGame(2, 3)
    found = np.zeros(5)
    for order in permutations(range(5)):
        place = np.argsort(order)
        reached = game.value(place < np.arange(6)[:, None])
        found += np.diff(reached)[place]
    np.testing.assert_allclose(game.exact(Shapley()), found / factorial(5), rtol=1e-13)


def test_figures_of_the_textbooks():
    # Two gloves of one hand and one of the other: 1/6, 1/6, 2/3.
    np.testing.assert_allclose(GloveGame(2, 1).exact(Shapley()), [1 / 6, 1 / 6, 2 / 3])
    # A council of 4, 3, 2 and 1 votes, quota 6: Shapley-Shubik 5/12, 3/12, 3/12, 1/12, swings 5, 3, 3, 1 of 8.
    council = VotingGame([4, 3, 2, 1], quota=6)
    np.testing.assert_allclose(council.exact(Shapley()), [5 / 12, 3 / 12, 3 / 12, 1 / 12])
    np.testing.assert_allclose(council.exact(Banzhaf()), [5 / 8, 3 / 8, 3 / 8, 1 / 8])
    # A runway: each part is shared equally by those who need it.
    np.testing.assert_allclose(AirportGame([12, 6, 24]).exact(Shapley()), [2 + 3, 2, 2 + 3 + 12])


def test_a_large_game_adds_up():
    np.testing.assert_allclose(VotingGame(range(1, 41), 411).exact(Shapley()).sum(), 1, rtol=1e-12)
    np.testing.assert_allclose(GloveGame(70, 80).exact(Shapley()).sum(), 70, rtol=1e-10)
    np.testing.assert_allclose(SymmetricGame(np.arange(301.0) ** 2).exact(Shapley()).sum(), 300**2, rtol=1e-12)


def test_trees_cost_what_their_pipes_do():
    game = SpanningTreeGame([2, 1], far=[3, 4], near=[1, 0])
    coalitions = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 1], [1, 1, 1]], bool)
    np.testing.assert_allclose(game.value(coalitions), [0, 3, 4, 7, 8])
    np.testing.assert_allclose(game.exact(Shapley()), [2, 2, 4])


@pytest.mark.parametrize("name", GAMES)
def test_they_evaluate_nothing_and_travel(name):
    game = pickle.loads(pickle.dumps(GAMES[name]))
    assert game.value(np.zeros((0, game.n_players), bool)).shape == (0,)
    coalitions = np.random.default_rng(1).random((20, game.n_players)) < 0.5
    np.testing.assert_array_equal(game.value(coalitions), GAMES[name].value(coalitions))


def test_games_of_nobody():
    for game in (AirportGame([]), GloveGame(0, 0), UnanimityGame(0, []), VotingGame([], 1), SymmetricGame([2.0])):
        assert game.exact(Banzhaf()).shape == (0,)
        assert game.value(np.zeros((3, 0), bool)).shape == (3,)


def test_z_scores_count_standard_errors():
    values = Values.from_estimates(pa.table({"player": [0, 1, 2]}), [[0, 1, 5], [2, 1, 5]])
    assert z_scores(values, np.array([1.0, 1.0, 4.0])).tolist() == [0, 0, np.inf]
    assert z_scores(values, np.array([3.0, 1.0, 5.0])).tolist() == [2, 0, 0]
