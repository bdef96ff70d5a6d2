"""Surrogates: closed forms against all coalitions, fits against their textbook forms."""

import numpy as np
import pytest
from game_samples import Backwards, Counting, brute_force, table_game
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import Ridge

from recval.engine import Serial
from recval.games import Banzhaf, Beta, LeaveOneOut, Shapley
from recval.games.surrogates import Quadratic, QuadraticGame, Tree, TreeGame, fit_quadratic
from recval.games.surrogates.base import paired_coalitions

SEMIVALUES = [
    Shapley(),
    Beta(alpha=4, beta=1),
    Beta(alpha=1, beta=3),
    Banzhaf(),
    Banzhaf(probability=0.2),
    LeaveOneOut(),
]
RIDGES = np.logspace(-4, 3, 15)


def random_quadratic(n_players, seed=0):
    rng = np.random.default_rng(seed)
    return QuadraticGame(rng.normal(), rng.normal(size=n_players), rng.normal(size=(n_players, n_players)))


def random_tree(n_players, seed=0):
    rng = np.random.default_rng(seed)
    coalitions = rng.random((400, n_players)) < 0.5
    return Tree(trees=20).fit(coalitions, rng.normal(size=400), 0)


@pytest.mark.parametrize("semivalue", SEMIVALUES, ids=repr)
@pytest.mark.parametrize("game", [random_quadratic(9), random_quadratic(1), random_tree(9), random_tree(2)], ids=repr)
def test_semivalues_are_those_of_all_coalitions(game, semivalue):
    np.testing.assert_allclose(game.values_of(semivalue), brute_force(game, semivalue), atol=1e-10)


def test_a_quadratic_game_is_the_formula():
    rng = np.random.default_rng(0)
    linear, pairs = rng.normal(size=5), rng.normal(size=(5, 5))
    game = QuadraticGame(2.0, linear, pairs)
    for present in rng.random((10, 5)) < 0.5:
        by_hand = 2.0 + linear[present].sum() + pairs[np.ix_(present, present)].sum() / 2
        assert game.value(present[None])[0] == pytest.approx(by_hand)
    assert game.value(np.zeros((0, 5), bool)).shape == (0,)


@pytest.mark.parametrize("semivalue", [Shapley(), Beta(alpha=4, beta=1), Banzhaf()], ids=repr)
def test_a_quadratic_game_is_recovered_from_enough_coalitions(semivalue):
    game = random_quadratic(10)
    found = Quadratic(coalitions=250).fitted(game, semivalue, 0, Serial())
    np.testing.assert_allclose(found.pairs, game.pairs, atol=1e-8)
    np.testing.assert_allclose(found.linear, game.linear, atol=1e-8)
    assert found.constant == pytest.approx(game.constant, abs=1e-8)


def test_pairs_that_are_opposite_tell_shapley_values_of_quadratic_games_from_few():
    game = random_quadratic(12)
    found = Quadratic(coalitions=30).fitted(game, Shapley(), 0, Serial())
    np.testing.assert_allclose(found.values_of(Shapley()), game.values_of(Shapley()), atol=1e-8)
    assert np.abs(found.pairs - game.pairs).max() > 0.1


@pytest.mark.parametrize(
    ("n_players", "n_samples", "noise"), [(4, 40, 1.0), (4, 11, 0.3), (4, 9, 0.3), (7, 20, 0.5), (7, 20, 3.0)]
)
def test_ridge_is_the_textbooks_with_the_least_leave_one_out_error(n_players, n_samples, noise, monkeypatch):
    monkeypatch.setattr("recval.games.surrogates.quadratic._RIDGES", RIDGES)
    rng = np.random.default_rng(n_samples)
    coalitions = rng.random((n_samples, n_players)) < 0.5
    values = random_quadratic(n_players).value(coalitions) + noise * rng.normal(size=n_samples)
    deviation = coalitions - coalitions.mean(0)
    spread = (deviation**2).mean()
    first, second = np.triu_indices(n_players, 1)
    features = np.hstack(
        [
            deviation / np.sqrt(n_players * spread),
            deviation[:, first] * deviation[:, second] / np.sqrt(len(first)) / spread,
        ]
    )
    unit = ((features - features.mean(0)) ** 2).sum() / n_samples
    errors = [_left_out_error(features, values, ridge * unit) for ridge in RIDGES]
    best = Ridge(RIDGES[np.argmin(errors)] * unit).fit(features, values)
    np.testing.assert_allclose(fit_quadratic(coalitions, values).value(coalitions), best.predict(features), rtol=1e-6)


def _left_out_error(features, values, ridge):
    left = np.arange(len(values))
    return np.mean(
        [
            (values[i] - Ridge(ridge).fit(features[left != i], values[left != i]).predict(features[[i]])[0]) ** 2
            for i in left
        ]
    )


@pytest.mark.parametrize("coalitions", [np.zeros((3, 4), bool), np.ones((1, 1), bool), np.eye(2, dtype=bool)])
def test_a_quadratic_fit_to_hardly_anything_is_finite(coalitions):
    game = fit_quadratic(coalitions, np.arange(len(coalitions)) + 1.0)
    assert np.isfinite(game.values_of(Shapley())).all()
    assert game.value(coalitions).mean() == pytest.approx(np.mean(np.arange(len(coalitions)) + 1.0))


@pytest.mark.parametrize("trees", [1, 30])
def test_a_tree_game_predicts_as_the_trees_do(trees):
    rng = np.random.default_rng(0)
    coalitions, values = rng.random((300, 8)) < 0.5, rng.normal(size=300)
    rate = 0.1 if trees > 1 else 1.0
    theirs = GradientBoostingRegressor(n_estimators=trees, max_depth=4, learning_rate=rate, random_state=5)
    theirs.fit(coalitions, values)
    ours = Tree(trees=trees).fit(coalitions, values, 5)
    new = rng.random((500, 8)) < 0.5
    np.testing.assert_allclose(ours.value(new), theirs.predict(new), atol=1e-10)


def test_trees_of_a_constant_game_are_its_constant():
    game = Tree(trees=3).fit(np.eye(4, dtype=bool), np.full(4, 2.5), 0)
    np.testing.assert_allclose(game.value(np.ones((2, 4), bool)), 2.5)
    np.testing.assert_array_equal(game.values_of(Shapley()), np.zeros(4))


def test_leaves_of_any_kind_add_up():
    present = np.array([[1, 1, 0], [0, 0, 0], [0, 0, 0]], bool)
    absent = np.array([[0, 0, 1], [1, 0, 1], [0, 0, 0]], bool)
    game = TreeGame(1.0, np.array([2.0, 3.0, 5.0]), present, absent)
    rows = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 0], [0, 0, 0]], bool)
    np.testing.assert_array_equal(game.value(rows), [8, 6, 9, 9])
    for semivalue in SEMIVALUES:
        np.testing.assert_allclose(game.values_of(semivalue), brute_force(game, semivalue), atol=1e-12)


@pytest.mark.parametrize("model", [Quadratic(coalitions=71), Tree(coalitions=70, trees=5), Quadratic()])
def test_it_is_fitted_on_as_many_coalitions_as_it_says_wherever_they_are_evaluated(model):
    game = Counting(table_game(8, np.random.default_rng(0)))
    game.batch_size = 7
    here = model.fitted(game, Shapley(), 3, Serial())
    assert game.evaluations <= model.evaluations(8)  # nobody and all may be drawn, and are not counted
    assert game.evaluations >= 0.7 * model.evaluations(8)
    there = model.fitted(game, Shapley(), 3, Backwards())
    np.testing.assert_array_equal(here.values_of(Shapley()), there.values_of(Shapley()))


@pytest.mark.parametrize("semivalue", SEMIVALUES, ids=repr)
def test_coalitions_are_drawn_as_the_semivalue_sees_them(semivalue):
    drawn = paired_coalitions(6, 6000, semivalue, np.random.default_rng(0))
    moments = [semivalue.moment(1, 0), semivalue.moment(2, 0), semivalue.moment(1, 1)]
    found = [drawn.mean(), (drawn[:, 0] & drawn[:, 1]).mean(), (drawn[:, 2] & ~drawn[:, 3]).mean()]
    np.testing.assert_allclose(found, moments, atol=0.02)
    if semivalue in (Shapley(), Banzhaf()):
        np.testing.assert_array_equal(drawn[::2], ~drawn[1::2])
    assert paired_coalitions(6, 5, semivalue, np.random.default_rng(0)).shape == (5, 6)
