from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeRegressor

from recval.errors import ConfigError, DataError
from recval.uplift.customers import Customers
from recval.uplift.effects.doubly_robust import Estimate, Scores, doubly_robust, scores_of
from recval.uplift.effects.outcomes import BoostedOutcome, MeanOutcome, RidgeOutcome
from recval.uplift.effects.overlap import overlap_of
from recval.uplift.effects.propensity import Logistic, Shares

EFFECT = np.array([1.0, 0.5])


def observed(rows, seed=0):
    """Customers of three arms whose treatment goes by x0, as does the response; effects differ by x1."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(rows, 2))
    odds = np.exp(np.stack([np.zeros(rows), 0.8 * x[:, 0], -0.5 * x[:, 0]], 1))
    chances = odds / odds.sum(1, keepdims=True)
    arm = (generator.random((rows, 1)) > chances.cumsum(1)).sum(1)
    expected = (3 + 2 * x[:, 0])[:, None] + np.stack([0 * x[:, 1], 1 + x[:, 1], 0.5 - x[:, 1]], 1)
    response = expected[np.arange(rows), arm] + generator.normal(size=rows)
    customers = Customers.of(pd.DataFrame(x, columns=["a", "b"]), arm, response)
    return customers, chances, expected


def scores(by_arm):
    by_arm = np.asarray(by_arm, np.float64)
    return Scores(by_arm, overlap_of(np.full(by_arm.shape, 0.5), np.zeros(len(by_arm), np.int64)))


def test_scores_are_the_equation_row_by_row():
    generator = np.random.default_rng(0)
    arm, response = generator.integers(0, 3, 20), generator.normal(size=20)
    chances, expected = generator.uniform(0.1, 0.9, (20, 3)), generator.normal(size=(20, 3))
    found = scores_of(arm, response, chances, expected)
    for row in range(20):
        for a in range(3):
            taken = float(arm[row] == a)
            wanted = expected[row, a] + taken / chances[row, a] * (response[row] - expected[row, a])
            assert found[row, a] == pytest.approx(wanted)


def test_without_outcomes_they_are_inverse_propensity_weighting():
    found = scores_of([0, 1], [3.0, 5.0], [[0.75, 0.25], [0.5, 0.5]], np.zeros((2, 2)))
    assert found.tolist() == [[4.0, 0.0], [0.0, 10.0]]


def test_arm_means_and_shares_give_the_difference_of_means_and_its_standard_error():
    generator = np.random.default_rng(0)
    arm = np.repeat([0, 1], [30, 50])
    response = generator.exponential(2.0, 80) + arm
    control, treated = response[arm == 0], response[arm == 1]
    means = np.tile([control.mean(), treated.mean()], (80, 1))
    (found,) = scores(scores_of(arm, response, np.tile([3 / 8, 5 / 8], (80, 1)), means)).average_effects()
    assert found.mean == pytest.approx(treated.mean() - control.mean())
    assert found.standard_error == pytest.approx(np.sqrt((control.var() / 30 + treated.var() / 50) * 80 / 79))


def test_one_of_the_two_models_may_be_wrong_but_not_both():
    customers, chances, expected = observed(200_000)
    wrong_chances = np.tile([0.4, 0.3, 0.3], (len(customers), 1))
    wrong_outcomes = np.zeros_like(expected)
    given = {
        "both right": (chances, expected),
        "outcome wrong": (chances, wrong_outcomes),
        "propensity wrong": (wrong_chances, expected),
        "both wrong": (wrong_chances, wrong_outcomes),
    }
    off = {}
    for name, (propensity, outcome) in given.items():
        by_arm = scores_of(customers.arm, customers.response, propensity, outcome)
        estimates = scores(by_arm).average_effects()
        gaps = zip(estimates, EFFECT, strict=True)
        off[name] = max(abs(each.mean - truth) / each.standard_error for each, truth in gaps)
    assert max(off[name] for name in ("both right", "outcome wrong", "propensity wrong")) < 4
    assert off["both wrong"] > 20


@pytest.mark.parametrize(
    "outcome", [None, BoostedOutcome(), MeanOutcome(), DecisionTreeRegressor(max_depth=4)], ids=repr
)
def test_estimated_models_find_the_effect_where_means_do_not(outcome):
    customers, _, _ = observed(20_000)
    means = [customers.response[customers.arm == code].mean() for code in range(3)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = doubly_robust(customers, outcome=outcome)
    for number, estimate in enumerate(found.average_effects()):
        assert abs(estimate.mean - EFFECT[number]) < 4 * estimate.standard_error
        assert abs(means[number + 1] - means[0] - EFFECT[number]) > 10 * estimate.standard_error


def test_a_better_outcome_model_lowers_the_noise():
    customers, chances, expected = observed(5000)
    errors = [
        doubly_robust(customers, outcome=outcome, propensity=chances, bounds=(0.001, 0.999)).average_effects()[0]
        for outcome in (np.zeros_like(expected), RidgeOutcome(), expected)
    ]
    none, ridge, truth = (each.standard_error for each in errors)
    assert truth <= 1.02 * ridge < 0.5 * none


def test_known_propensities_of_the_customers_are_used():
    customers, chances, expected = observed(300)
    known = Customers(customers.features, customers.arm, customers.response, customers.arms, None, chances)
    bounds = (1e-6, 1 - 1e-6)
    found = doubly_robust(known, outcome=expected, bounds=bounds)
    assert np.array_equal(found.by_arm, scores_of(customers.arm, customers.response, chances, expected))
    shares = doubly_robust(known, outcome=expected, propensity=Shares(), bounds=bounds)
    assert not np.allclose(found.by_arm, shares.by_arm)


def test_no_row_s_response_enters_its_own_outcome_model():
    customers, chances, _ = observed(600)
    response = customers.response.copy()
    response[7] += 1000
    changed = Customers(customers.features, customers.arm, response, customers.arms)
    one, other = (doubly_robust(each, propensity=chances, bounds=(1e-3, 0.999)) for each in (customers, changed))
    arm = customers.arm[7]
    assert (other.by_arm[7] - one.by_arm[7])[arm] == pytest.approx(1000 / chances[7, arm])
    assert np.delete(other.by_arm[7] - one.by_arm[7], arm).tolist() == [0, 0]
    assert (np.delete(other.by_arm - one.by_arm, 7, 0) != 0).any()


def test_clipping_is_said():
    customers, chances, expected = observed(2000)
    with pytest.warns(UserWarning, match="of the customers have a propensity beyond"):
        found = doubly_robust(customers, outcome=expected, propensity=chances, bounds=(0.2, 0.8))
    assert found.overlap.beyond > 0.3
    assert found.overlap.lowest.min() < 0.2
    assert np.abs(found.effects - expected[:, 1:] + expected[:, :1]).max() < 6 / 0.2 * 2


def test_the_value_of_a_policy():
    by_arm = [[1.0, 2.0, 4.0], [0.0, 5.0, -1.0], [2.0, 2.0, 2.0]]
    found = scores(by_arm)
    assert found.value([2, 1, 0]).mean == pytest.approx(11 / 3)
    assert found.gain([2, 1, 0]) == Estimate(pytest.approx(8 / 3), pytest.approx(np.std([3, 5, 0], ddof=1) / 3**0.5))
    assert found.gain([0, 0, 0]) == Estimate(0.0, 0.0)
    assert found.gain([1, 1, 1]) == found.average_effects()[0]


def test_a_policy_earns_what_it_truly_does():
    customers, _, expected = observed(50_000)
    policy = expected.argmax(1)
    truth = expected[np.arange(len(policy)), policy].mean() - expected[:, 0].mean()
    found = doubly_robust(customers, propensity=Logistic(), bounds=(0.001, 0.999)).gain(policy)
    assert abs(found.mean - truth) < 4 * found.standard_error < 0.2


def test_the_interval_is_normal():
    assert Estimate(1.0, 2.0).interval() == pytest.approx((1 - 1.959964 * 2, 1 + 1.959964 * 2))
    assert Estimate(1.0, 2.0).interval(0.5) == pytest.approx((1 - 0.6744898 * 2, 1 + 0.6744898 * 2))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"propensity": np.full((300, 2), 0.5)}, DataError, r"must have the shape of customers and arms, \[300, 3\]"),
        (
            {"outcome": np.zeros((300, 2)), "propensity": Shares()},
            DataError,
            "the expected responses must have the shape of",
        ),
        (
            {"outcome": np.full((300, 3), np.nan), "propensity": Shares()},
            DataError,
            "the expected responses must be finite",
        ),
        ({"folds": 1}, ConfigError, "folds of 2 or more"),
        ({"bounds": (0.5, 2.0)}, ConfigError, "bounds of propensities"),
        ({"folds": 299}, DataError, "fewer than the 299 folds"),
    ],
)
def test_bad_input_is_one_line(settings, error, message):
    customers, _, _ = observed(300)
    with pytest.raises(error, match=message) as refused:
        doubly_robust(customers, **settings)
    assert "\n" not in str(refused.value)


def test_bad_policies_and_chances_are_one_line():
    with pytest.raises(DataError, match=r"the policy must have shape \[2\], found \[3\]"):
        scores([[1, 2], [3, 4]]).value([0, 1, 1])
    with pytest.raises(DataError, match=r"from 0 \(control\) to 1, found 2"):
        scores([[1, 2], [3, 4]]).gain([0, 2])
    with pytest.raises(DataError, match="must be above 0, found 0 in row 1"):
        scores_of([0, 1], [1, 1], [[0.5, 0.5], [1, 0]], np.zeros((2, 2)))


@pytest.mark.slow
@pytest.mark.parametrize("outcome", [RidgeOutcome(), BoostedOutcome(trees=20)], ids=repr)
def test_intervals_hold_the_truth_as_often_as_they_say(outcome):
    held = []
    for seed in range(200):
        customers, _, _ = observed(2000, seed + 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = doubly_robust(customers, outcome=outcome, rng=seed)
        policy = (customers.features["b"].to_numpy() > 0).astype(np.int64)
        truths = [*EFFECT, 0.5 * (1 + np.sqrt(2 / np.pi))]
        for estimate, truth in zip([*found.average_effects(), found.gain(policy)], truths, strict=True):
            low, high = estimate.interval()
            held.append(low <= truth <= high)
    # 95 % within four standard errors of 200 draws, were the three estimates of a draw one.
    shares = np.reshape(held, (200, 3)).mean(0)
    assert (shares > 0.95 - 4 * 0.0154).all()
    assert shares.mean() < 0.95 + 4 * 0.0154 - 0.02
