from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from pydantic import TypeAdapter
from scipy.optimize import linprog
from scipy.sparse import coo_array

from recval.declarations import validate
from recval.errors import ConfigError, DataError
from recval.uplift.effects.doubly_robust import Scores
from recval.uplift.effects.overlap import overlap_of
from recval.uplift.targeting import Budget, measured_roi_curve, roi_curve, target


def random_case(seed, rows=None):
    """Uplift and costs on a coarse grid, so that ties, free and paid-back treatments and straight hulls are common."""
    generator = np.random.default_rng(seed)
    n, arms = rows or int(generator.integers(1, 30)), int(generator.integers(1, 5))
    uplift = generator.integers(-4, 9, (n, arms)) / 2
    cost = generator.integers(-1 if seed % 3 == 0 else 0, 6, (n, arms)) / 2
    if seed % 2:
        uplift, cost = uplift + generator.normal(size=uplift.shape), np.abs(cost + generator.normal(size=cost.shape))
    settings = Budget(
        budget=float(generator.uniform(0, 1) ** 2 * np.abs(cost).sum()),
        margin=float(generator.choice([1.0, 0.5, 2.0])),
        least_return=float(generator.choice([0.0, 1.0, 1.5])),
    )
    return uplift, cost, settings


def relaxed(uplift, cost, budget):
    """The optimum of the linear relaxation by a general solver."""
    n, arms = uplift.shape
    worth = budget.margin * uplift - budget.least_return * cost
    one_each = coo_array((np.ones(n * arms), (np.repeat(np.arange(n), arms), np.arange(n * arms))))
    limits = [[*row] for row in one_each.toarray()] + [cost.ravel().tolist()]
    found = linprog(-worth.ravel(), A_ub=limits, b_ub=[1.0] * n + [budget.budget], bounds=(0, 1), method="highs")
    return -found.fun


def objective(found, budget):
    return budget.margin * found.revenue - budget.least_return * found.spent


@pytest.mark.parametrize("seed", range(60))
def test_the_bound_is_the_optimum_of_the_relaxation(seed):
    uplift, cost, budget = random_case(seed)
    found = target(uplift, budget, cost=cost)
    assert found.bound == pytest.approx(relaxed(uplift, cost, budget), rel=1e-7, abs=1e-7)
    assert found.spent <= budget.budget * (1 + 1e-8) + 1e-12
    # A step is worth at most the most that one customer's arms differ by.
    worth = np.pad(budget.margin * uplift - budget.least_return * cost, ((0, 0), (1, 0)))
    assert found.bound + 1e-9 >= objective(found, budget) >= found.bound - np.ptp(worth, axis=1).max() - 1e-9


@pytest.mark.parametrize("seed", range(20))
def test_whole_customers_come_within_one_customer_of_brute_force(seed):
    uplift, cost, budget = random_case(seed, rows=5)
    worth, paid = (
        np.pad(table, ((0, 0), (1, 0))) for table in (budget.margin * uplift - budget.least_return * cost, cost)
    )
    rows = np.arange(5)
    choices = np.array(list(product(range(worth.shape[1]), repeat=5)))
    within = paid[rows, choices].sum(1) <= budget.budget
    best = worth[rows, choices].sum(1)[within].max()
    found = objective(target(uplift, budget, cost=cost), budget)
    assert best - np.ptp(worth, axis=1).max() - 1e-9 <= found <= best + 1e-9 * max(1, abs(best))


@pytest.mark.parametrize("seed", range(0, 40, 4))
def test_what_is_reported_is_what_the_choice_gives(seed):
    uplift, cost, budget = random_case(seed)
    found = target(uplift, budget, cost=cost)
    rows = np.arange(len(uplift))
    assert found.revenue == pytest.approx(np.pad(uplift, ((0, 0), (1, 0)))[rows, found.arm].sum())
    assert found.spent == pytest.approx(np.pad(cost, ((0, 0), (1, 0)))[rows, found.arm].sum())
    assert found.profit == pytest.approx(budget.margin * found.revenue - found.spent)


@pytest.mark.parametrize("seed", range(20))
def test_without_a_limit_everyone_gets_the_arm_that_pays_most(seed):
    uplift, cost, budget = random_case(seed)
    free = budget.model_copy(update={"budget": None})
    found = target(uplift, free, cost=cost)
    best = np.pad(budget.margin * uplift - budget.least_return * cost, ((0, 0), (1, 0))).max(1).sum()
    assert objective(found, free) == pytest.approx(best)
    assert found.bound == pytest.approx(best)
    assert found.marginal_return == 0


@pytest.mark.parametrize("seed", range(1, 40, 2))
def test_the_marginal_return_is_the_slope_of_the_bound(seed):
    uplift, cost, budget = random_case(seed)
    more = budget.model_copy(update={"budget": budget.budget + 1e-5})
    found = target(uplift, budget, cost=cost)
    slope = (target(uplift, more, cost=cost).bound - found.bound) / 1e-5
    assert slope == pytest.approx(max(found.marginal_return - budget.least_return, 0), rel=1e-3, abs=1e-3)


def test_ties_go_by_the_order_of_rows():
    assert target(np.full(5, 2.0), Budget(cost=1.0, budget=3)).arm.tolist() == [1, 1, 1, 0, 0]


def test_three_times_a_tenth_is_within_three_tenths():
    assert target(np.ones(5), Budget(cost=0.1, budget=0.3)).arm.sum() == 3
    assert target(np.ones(100_000), Budget(cost=0.1, budget=1000)).arm.sum() == 10_000


def test_a_budget_below_one_treatment_treats_nobody():
    found = target([5.0, 3.0], Budget(cost=1.0, budget=0.5))
    assert (found.arm.tolist(), found.spent, found.revenue, found.interval) == ([0, 0], 0.0, 0.0, None)
    assert (found.bound, found.marginal_return) == (2.0, 5.0)
    assert target([5.0, 3.0], Budget(cost=0.0, budget=0)).arm.tolist() == [1, 1]


def test_what_the_best_cannot_use_goes_to_cheaper_ones():
    found = target([50.0, 3.0, 2.0], Budget(budget=1.5), cost=[2.0, 1.0, 0.5])
    assert (found.arm.tolist(), found.spent) == ([0, 1, 1], 1.5)


def test_free_treatments_go_to_whom_they_help_and_paid_ones_to_whom_they_pay():
    assert target([1.0, 0.0, -1.0], Budget()).arm.tolist() == [1, 0, 0]
    assert target([1.0, 2.0, 2.1], Budget(cost=2.0)).arm.tolist() == [0, 0, 1]
    assert target([1.0, 2.0, 2.1], Budget(cost=1.0, margin=0.5)).arm.tolist() == [0, 0, 1]
    assert target([1.0, 2.0, -0.1], Budget(cost=2.0, least_return=0)).arm.tolist() == [1, 1, 0]


def test_a_treatment_that_saves_money_pays_for_others():
    found = target([-0.5, -2.0, 3.0], Budget(budget=0), cost=[-1.0, -1.0, 1.0])
    assert (found.arm.tolist(), found.spent, found.profit) == ([1, 0, 1], 0.0, 2.5)


def test_the_unit_of_money_and_the_order_of_rows_do_not_matter():
    uplift, cost, budget = random_case(7, rows=200)
    found = target(uplift, budget, cost=cost)
    cents = budget.model_copy(update={"budget": 100 * budget.budget})
    assert np.array_equal(target(100 * uplift, cents, cost=100 * cost).arm, found.arm)
    order = np.random.default_rng(0).permutation(200)
    assert np.array_equal(target(uplift[order], budget, cost=cost[order]).arm, found.arm[order])


def test_costs_by_name_by_arm_and_by_customer_agree():
    generator = np.random.default_rng(0)
    uplift = generator.normal(size=(50, 2))
    arms = ("none", "mail", "call")
    wanted = target(uplift, Budget(cost=(0.1, 0.7), budget=3))
    by_name = Budget(cost={"call": 0.7, "mail": 0.1}, budget=3)
    assert np.array_equal(target(uplift, by_name, arms=arms).arm, wanted.arm)
    assert np.array_equal(target(uplift, Budget(budget=3), cost=np.tile([0.1, 0.7], (50, 1))).arm, wanted.arm)
    one = target(uplift, Budget(cost=0.3, budget=3))
    assert np.array_equal(target(uplift, Budget(budget=3), cost=np.full(50, 0.3)).arm, one.arm)


def test_the_interval_adds_the_deviations_of_the_treated():
    found = target([5.0, 3.0, -1.0], Budget(cost=1.0), std=[0.5, 0.25, 9.0])
    assert found.interval == pytest.approx((8 - 1.959964 * 0.75, 8 + 1.959964 * 0.75))


@pytest.mark.parametrize(
    ("uplift", "settings", "given", "error", "message"),
    [
        ([1.0, np.nan], {}, {}, DataError, "the uplift must be finite, found 1 missing or infinite, first in row 1"),
        ([], {}, {}, DataError, "with at least one row"),
        ([1.0, 2.0], {}, {"cost": [1.0]}, DataError, r"the costs must have the shape of the uplift, \[2, 1\]"),
        ([1.0, 2.0], {}, {"cost": [1.0, np.inf]}, DataError, "the costs must be finite"),
        ([1.0, 2.0], {}, {"std": [1.0]}, DataError, "the standard deviations must have the shape of the uplift"),
        ([1.0, 2.0], {}, {"std": [1.0, -1.0]}, DataError, "must be 0 or more, found -1"),
        ([1.0, 2.0], {"cost": (1.0, 2.0)}, {}, ConfigError, "1 treatments need as many costs. Got 2"),
        ([1.0], {"cost": {"mial": 1}}, {"arms": ("no", "mail")}, ConfigError, "did you mean 'mail'"),
        ([[1.0, 2.0]], {"cost": {"a": 1}}, {"arms": ("no", "a", "b")}, ConfigError, "the treatment 'b' has no cost"),
        ([1.0], {}, {"arms": ("no", "a", "b")}, DataError, "uplift of 1 treatments needs 2 arms"),
    ],
)
def test_bad_input_is_one_line(uplift, settings, given, error, message):
    with pytest.raises(error, match=message) as refused:
        target(uplift, Budget(**settings), **given)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "values", [{"budget": -1}, {"budget": float("nan")}, {"margin": 0}, {"least_return": -1}, {"cost": float("inf")}]
)
def test_bad_settings_are_one_line_that_names_the_key(values):
    with pytest.raises(ConfigError, match=next(iter(values))) as refused:
        validate(values, Budget)
    assert "\n" not in str(refused.value)


def test_settings_survive_json():
    for settings in (Budget(), Budget(cost=(1, 2), budget=3), Budget(cost={"mail": 1.5}, margin=0.4)):
        assert TypeAdapter(Budget).validate_json(settings.model_dump_json()) == settings


def scores(by_arm):
    return Scores(by_arm, overlap_of(np.full(by_arm.shape, 0.5), np.zeros(len(by_arm), np.int64)))


@pytest.mark.parametrize("seed", range(10))
def test_each_point_of_the_curve_is_the_target_of_its_budget(seed):
    uplift, cost, budget = random_case(2 * seed + 1, rows=80)
    curve = roi_curve(uplift, budget, cost=cost, points=12)
    assert (curve["budget"].diff().dropna() > 0).all()
    for point in curve.itertuples():
        limited = budget.model_copy(update={"budget": max(point.budget, 0.0)})
        found = target(uplift, limited, cost=cost)
        wanted = (found.spent, found.revenue, found.profit, (found.arm > 0).sum())
        assert (point.budget, point.revenue, point.profit, point.treated) == pytest.approx(wanted)
    everyone = target(uplift, budget.model_copy(update={"budget": None}), cost=cost)
    assert curve["profit"].iloc[-1] == pytest.approx(everyone.profit)


def test_marginal_roi_is_the_slope_of_profit_and_falls():
    uplift, cost, _ = random_case(5, rows=300)
    curve = roi_curve(uplift, Budget(least_return=0), cost=cost, points=20)
    marginal = curve["marginal_roi"].to_numpy()
    assert np.isnan(marginal[0])
    assert (np.diff(marginal[1:]) <= 1e-9).all()
    assert marginal[1:] == pytest.approx(np.diff(curve["profit"]) / np.diff(curve["budget"]))
    assert marginal.min() < 0 or marginal[-1] > -1
    top = curve["profit"].argmax()
    assert target(uplift, Budget(), cost=cost).profit >= curve["profit"].iloc[top] - 1e-9


def test_where_nothing_pays_the_curve_is_one_point():
    curve = roi_curve([-1.0, 0.5], Budget(cost=1.0))
    assert curve.drop(columns="marginal_roi").to_numpy().tolist() == [[0, 0, 0, 0]]
    measured = measured_roi_curve([-1.0, 0.5], scores(np.ones((2, 2))), Budget(cost=1.0), draws=3)
    assert len(measured) == 1


def test_measured_by_its_own_predictions_a_curve_is_the_expected_one():
    uplift, cost, budget = random_case(9, rows=100)
    truth = scores(np.pad(uplift, ((0, 0), (1, 0))) + 7)
    measured = measured_roi_curve(uplift, truth, budget, cost=cost, draws=20)
    expected = roi_curve(uplift, budget, cost=cost)
    assert measured[expected.columns].to_numpy() == pytest.approx(expected.to_numpy(), nan_ok=True)


def test_a_curve_is_measured_on_effects_and_not_on_promises():
    generator = np.random.default_rng(0)
    uplift = generator.normal(2, 1, 4000)
    effects = 0.5 * uplift + generator.normal(0, 3, 4000)
    budget = Budget(cost=0.5, margin=2.0)
    curve = measured_roi_curve(uplift, scores(np.pad(effects[:, None], ((0, 0), (1, 0)))), budget, draws=400)
    treated = 2 * uplift > 0.5
    last = curve.iloc[-1]
    assert last["revenue"] == pytest.approx(effects[treated].sum())
    assert last["profit"] == pytest.approx(2 * effects[treated].sum() - 0.5 * treated.sum())
    net = np.where(treated, 2 * effects - 0.5, 0)
    reach = 1.96 * np.sqrt(4000) * net.std()
    assert last["profit_high"] - last["profit_low"] == pytest.approx(2 * reach, rel=0.15)
    assert curve["profit_low"].iloc[-1] < last["profit"] < curve["profit_high"].iloc[-1]
    again = measured_roi_curve(uplift, scores(np.pad(effects[:, None], ((0, 0), (1, 0)))), budget, draws=400)
    assert again.equals(curve)


def test_bad_curves_are_one_line():
    few = scores(np.zeros((3, 2)))
    with pytest.raises(DataError, match=r"the scores must have the shape of .*, \[2, 2\], found \[3, 2\]"):
        measured_roi_curve([1.0, 2.0], few, Budget())
    with pytest.raises(ConfigError, match="points of 1 or more. Got 0"):
        roi_curve([1.0], Budget(), points=0)
    with pytest.raises(ConfigError, match="draws of 1 or more"):
        measured_roi_curve([1.0, 2.0, 3.0], few, Budget(), draws=0)
