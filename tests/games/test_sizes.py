import numpy as np
import pytest
from game_samples import by_definition

from recval.engine import Serial
from recval.games import Banzhaf, Beta, FunctionGame, LeaveOneOut, MaxRounds, Permutation, Shapley, estimate
from recval.games.estimators.control_variates import ControlVariates
from recval.games.surrogates import Sizes, SizesGame

SEMIVALUES = [
    Shapley(),
    Beta(alpha=4, beta=1),
    Beta(alpha=1, beta=3),
    Banzhaf(),
    Banzhaf(probability=0.2),
    LeaveOneOut(),
]


@pytest.mark.parametrize("semivalue", SEMIVALUES, ids=repr)
@pytest.mark.parametrize("n", [1, 2, 7])
def test_semivalues_are_those_of_the_definition(semivalue, n):
    generator = np.random.default_rng(n)
    game = SizesGame(generator.normal(size=n + 1), generator.normal(size=n))
    np.testing.assert_allclose(game.values_of(semivalue), by_definition(game, semivalue), atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 20])
def test_a_game_of_this_form_is_found(n):
    generator = np.random.default_rng(0)
    alone = generator.normal(size=n)
    hidden = SizesGame(np.sqrt(np.arange(n + 1)), alone - alone.mean())
    game = FunctionGame(n, hidden.value)
    fitted = Sizes().fitted(game, Shapley(), 0, Serial())
    ends = np.array([np.zeros(n), np.ones(n)], bool)
    np.testing.assert_allclose(fitted.value(ends), hidden.value(ends), atol=1e-12)
    np.testing.assert_allclose(fitted.value(np.eye(n, dtype=bool)), hidden.value(np.eye(n, dtype=bool)), atol=1e-12)
    np.testing.assert_allclose(fitted.curve, hidden.curve, atol=0.3)


def test_it_evaluates_as_many_coalitions_as_it_says():
    for model in (Sizes(), Sizes(alone=False), Sizes(coalitions=50), Sizes(alone=False, coalitions=1)):
        for n in (1, 2, 3, 30):
            seen = []
            game = FunctionGame(n, lambda coalitions, seen=seen: (seen.extend(coalitions), coalitions.sum(1))[1])
            model.fitted(game, Shapley(), 0, Serial())
            assert len(seen) == model.evaluations(n) + 2  # and those of nobody and of all


def test_the_size_alone_is_a_curve_through_the_means():
    coalitions = np.array([[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 1]], bool)
    game = Sizes(alone=False).fit(coalitions, np.array([0.0, 1.0, 3.0, 8.0]), 0)
    assert game.curve.tolist() == [0, 2, 4, 6, 8]
    assert game.alone.tolist() == [0, 0, 0, 0]


def test_a_saturating_game_is_estimated_with_less_variance_and_without_bias():
    n = 24
    weights = np.random.default_rng(3).random(n)
    game = FunctionGame(n, lambda coalitions: 1 - np.exp(-2 * coalitions @ weights))
    plain, controlled = (
        estimate(game, estimator, Shapley(), MaxRounds(rounds=300), seed=5)
        for estimator in (Permutation(), ControlVariates(surrogate=Sizes(), beta="one"))
    )
    assert plain.values.variance.sum() > 4 * controlled.values.variance.sum()
    error = np.hypot(plain.values.standard_error, controlled.values.standard_error)
    assert np.abs((plain.values.value - controlled.values.value) / error).max() < 4.5
