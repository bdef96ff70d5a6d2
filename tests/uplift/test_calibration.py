from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from scipy.optimize import lsq_linear
from scipy.stats import rankdata

from recval.declarations import Declaration, validate
from recval.errors import ConfigError, DataError
from recval.uplift.calibration import AnyCalibration, Isotonic, Level, Linear
from recval.uplift.calibrator import Calibrator

EXACT = [
    Level(shrink=False),
    Level(form="multiplicative", shrink=False),
    Linear(shrink=False),
    Isotonic(shrink=False),
    Isotonic(groups=None, shrink=False),
    Isotonic(groups=3, shrink=False),
]
ALL = [*EXACT, Level(), Linear(), Isotonic()]


def customers(rows, seed=0, noise=5.0):
    """True uplift, and unbiased effects with much noise."""
    generator = np.random.default_rng(seed)
    truth = np.exp(generator.normal(0, 0.6, rows))
    return truth, truth + generator.normal(0, noise, rows)


@pytest.mark.parametrize("calibration", EXACT, ids=repr)
def test_the_mean_on_the_fitted_rows_is_the_mean_effect(calibration):
    truth, effects = customers(3000)
    predicted = 4 * truth**2 + 7
    assert calibration.fit(predicted, effects)(predicted).mean() == pytest.approx(effects.mean(), rel=1e-10)


@pytest.mark.parametrize("calibration", ALL, ids=repr)
@given(
    predicted=st.lists(st.integers(-40, 40), min_size=1, max_size=60),
    seed=st.integers(0, 1000),
    sign=st.sampled_from([-1.0, 1.0]),
)
@settings(deadline=None, derandomize=True, max_examples=40)
def test_the_ranking_stays_ties_included(calibration, predicted, seed, sign):
    uplift = np.array(predicted, np.float64) / 8
    effects = sign * uplift + np.random.default_rng(seed).normal(0, 3, len(uplift))
    if getattr(calibration, "form", "") == "multiplicative" and not uplift.mean() * effects.mean() > 0:
        with pytest.raises(DataError, match="take the additive form"):
            calibration.fit(uplift, effects)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        calibrator = calibration.fit(uplift, effects)
    unseen = np.concatenate([uplift, [-100.0, 100.0, 0.03]])
    assert np.array_equal(rankdata(calibrator(unseen)), rankdata(unseen))


@pytest.mark.parametrize("calibration", [Linear(), Isotonic(), Isotonic(groups=None)], ids=repr)
def test_effects_that_are_all_equal_keep_the_ranking_too(calibration):
    uplift = np.arange(50.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = calibration.fit(uplift, np.zeros(50))(uplift)
    assert (np.diff(found) > 0).all()
    assert np.abs(found).max() < 1e-4


def test_level_adds_one_number_or_multiplies_by_one():
    uplift, effects = np.array([1.0, 2.0, 6.0]), np.array([0.0, 9.0, 9.0])
    assert Level(shrink=False).fit(uplift, effects)([0.0, 10.0]).tolist() == [3.0, 13.0]
    multiplied = Level(form="multiplicative", shrink=False).fit(uplift, effects)
    assert multiplied([0.0, 10.0]).tolist() == [0.0, 20.0]


def test_a_shrunk_level_moves_by_the_positive_part_rule():
    uplift = np.zeros(4)
    gap = np.array([1.0, 2.0, 3.0, 6.0])
    error = gap.std(ddof=1) / 2
    expected = 3 * (1 - (error / 3) ** 2)
    assert Level().fit(uplift, gap)(uplift) == pytest.approx(np.full(4, expected))
    assert Level().fit(uplift, np.array([-5.0, 5.0, -5.0, 6.0]))(uplift).tolist() == [0.0] * 4
    assert Level(form="multiplicative").fit(uplift + 2, gap + 2)(uplift + 2) == pytest.approx(np.full(4, 2 + expected))


@pytest.mark.parametrize(("bias", "best"), [(0.0, 0.45), (0.5, 1.4), (1.0, 2.1), (3.0, 1.5), (10.0, 1.1)])
def test_shrinking_costs_little_where_the_level_is_off_and_saves_much_where_it_is_right(bias, best):
    """The squared error of the level, in squared standard errors of the mean effect; without shrinking it is 1."""
    gaps = np.random.default_rng(0).normal(bias, 10, (2000, 100))
    moves = np.array([Level().fit(np.zeros(100), gap)([0.0])[0] for gap in gaps])
    assert np.mean((moves - bias) ** 2) < best


@pytest.mark.parametrize("calibration", [Linear(shrink=False), Isotonic(groups=4, shrink=False)], ids=repr)
def test_the_shape_is_that_of_unseen_rows_and_the_level_that_of_all(calibration):
    truth, effects = customers(2000)
    unseen = np.arange(2000) < 800
    # On the rows of its training the model followed the noise.
    predicted = np.where(unseen, 3 * truth, effects)
    found = calibration.fit(predicted, effects, unseen)
    alone = calibration.fit(predicted[unseen], effects[unseen])
    assert found(predicted).mean() == pytest.approx(effects.mean())
    assert np.ptp(found(predicted[unseen]) - alone(predicted[unseen])) < 1e-9
    with pytest.raises(DataError, match="not trained on, and there is none"):
        calibration.fit(predicted, effects, np.zeros(2000, bool))


def test_linear_is_least_squares():
    truth, effects = customers(500)
    predicted = 10 * truth - 30
    slope, intercept = np.polyfit(predicted, effects, 1)
    assert Linear(shrink=False).fit(predicted, effects)(predicted) == pytest.approx(slope * predicted + intercept)


def test_a_slope_that_does_not_rise_is_said_in_one_line():
    truth, effects = customers(2000, noise=0.5)
    with pytest.warns(UserWarning, match="do not rise") as said:
        found = Linear().fit(-truth, effects)(-truth)
    assert "\n" not in str(said[0].message)
    assert np.ptp(found) < 0.5 * effects.std()
    assert np.array_equal(np.argsort(found), np.argsort(-truth))


@pytest.mark.parametrize("seed", range(5))
def test_isotonic_is_the_exact_fit_with_a_least_slope(seed):
    generator = np.random.default_rng(seed)
    x = np.sort(generator.normal(size=12))
    effects = generator.normal(size=12) + x
    (found,) = Isotonic(groups=None, shrink=False).fit(x, effects).maps
    least = found.slope * np.diff(x)
    # Unknowns: the first value, and what each step rises above the least.
    rises = np.tril(np.ones((12, 12)))
    given_rise = np.concatenate([[0.0], np.cumsum(least)])
    lower = np.concatenate([[-np.inf], np.zeros(11)])
    best = lsq_linear(rises, effects - given_rise, bounds=(lower, np.inf), tol=1e-14).x
    assert found.y == pytest.approx(rises @ best + given_rise, abs=1e-6)


def test_isotonic_groups_are_of_equal_size_and_keep_ties_together():
    x = np.repeat([1.0, 2.0, 3.0, 4.0], [10, 30, 10, 50])
    effects = np.arange(100.0)
    (found,) = Isotonic(groups=2).fit(x, effects).maps
    assert found.x == pytest.approx((np.repeat([1, 2, 3], [10, 30, 10]).mean(), 4.0))


@pytest.mark.parametrize(("calibration", "within"), [(Linear(), 0.1), (Isotonic(groups=20), 0.3)], ids=repr)
def test_level_and_spread_of_unseen_customers_are_mended(calibration, within):
    truth, effects = customers(200_000)
    unseen, _ = customers(50_000, seed=1)
    found = calibration.fit(40 * truth - 900, effects)(40 * unseen - 900)
    assert abs(found.mean() - unseen.mean()) < 0.05 * unseen.std()
    assert np.sqrt(np.mean((found - unseen) ** 2)) < within * unseen.std()


def test_isotonic_mends_a_bent_shape_that_a_line_cannot():
    truth, effects = customers(200_000)
    bent = np.exp(3 * truth.clip(0, 5))
    line, curve = (np.mean((each.fit(bent, effects)(bent) - truth) ** 2) for each in (Linear(), Isotonic(groups=30)))
    assert curve < 0.2 * line


@pytest.mark.parametrize("calibration", ALL, ids=repr)
def test_the_order_of_rows_does_not_matter(calibration):
    truth, effects = customers(400)
    predicted = np.round(truth, 1)
    order = np.random.default_rng(3).permutation(400)
    one, other = calibration.fit(predicted, effects), calibration.fit(predicted[order], effects[order])
    assert one(predicted) == pytest.approx(other(predicted), rel=1e-9)


@pytest.mark.parametrize("calibration", ALL, ids=repr)
def test_each_treatment_has_its_own_and_the_state_is_json(calibration):
    truth, effects = customers(600)
    uplift, both = np.stack([truth, 5 * truth + 1], 1), np.stack([effects, effects + 2], 1)
    fitted = calibration.fit(uplift, both)
    again = Calibrator.from_state(json.loads(json.dumps(fitted.state())))
    assert np.array_equal(again(uplift), fitted(uplift))
    for arm in range(2):
        assert np.array_equal(fitted(uplift)[:, arm], calibration.fit(uplift[:, arm], both[:, arm])(uplift[:, arm]))


@pytest.mark.parametrize("calibration", EXACT, ids=repr)
def test_a_constant_prediction_becomes_the_mean_effect(calibration):
    found = calibration.fit(np.full(10, 0.1), np.arange(10.0))(np.full(3, 0.1))
    assert found == pytest.approx(np.full(3, 4.5))


@pytest.mark.parametrize(
    ("uplift", "effects", "message"),
    [
        ([1.0, np.nan], [1.0, 2.0], "the uplift must be finite, found 1 missing or infinite, first in row 1"),
        ([1.0, 2.0], [np.inf, 2.0], "the effects must be finite"),
        ([1.0, 2.0], [1.0], r"the effects must have the shape of the uplift, \[2, 1\], found \[1, 1\]"),
        ([], [], "with at least one row"),
    ],
)
def test_bad_input_is_one_line(uplift, effects, message):
    with pytest.raises(DataError, match=message) as refused:
        Level().fit(uplift, effects)
    assert "\n" not in str(refused.value)


def test_a_calibrator_refuses_other_treatments():
    with pytest.raises(DataError, match="of 1 treatments, the uplift of 2"):
        Level().fit([1.0, 2.0], [1.0, 2.0])(np.ones((3, 2)))


def test_a_recipe_names_a_calibration():
    class Recipe(Declaration):
        calibration: AnyCalibration

    assert TypeAdapter(AnyCalibration).validate_python({"kind": "isotonic"}) == Isotonic()
    with pytest.raises(ConfigError, match="unknown value 'isotonc', did you mean 'isotonic'"):
        validate({"calibration": {"kind": "isotonc"}}, Recipe)
