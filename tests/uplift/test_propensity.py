from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import mannwhitneyu
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_info, threadpool_limits

from recval.errors import ConfigError, DataError
from recval.uplift.effects.overlap import clipped, overlap_of
from recval.uplift.effects.propensity import Boosted, Logistic, Shares, estimate_propensity
from recval.uplift.effects.randomness import randomness


def selected(rows, strength=1.0, seed=0):
    """Features, an arm that goes by them, and its true chances."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(rows, 3))
    chance = 1 / (1 + np.exp(-strength * (x[:, 0] - 0.5 * x[:, 1])))
    return x, (generator.random(rows) < chance).astype(np.int64), np.stack([1 - chance, chance], 1)


def test_shares_are_the_arms_shares():
    arm = np.repeat([0, 1, 2], [50, 30, 20])
    found = estimate_propensity(np.random.default_rng(0).normal(size=(100, 2)), arm, Shares())
    assert found == pytest.approx(np.tile([0.5, 0.3, 0.2], (100, 1)))


@pytest.mark.parametrize(("model", "within"), [(Logistic(), 0.01), (Boosted(), 0.05)], ids=repr)
def test_a_known_propensity_is_found(model, within):
    x, arm, truth = selected(20_000)
    found = estimate_propensity(x, arm, model)
    assert found.sum(1) == pytest.approx(np.ones(len(x)))
    assert np.abs(found - truth).mean() < within < np.abs(truth - arm.mean()).mean()


def test_three_arms_and_categories():
    generator = np.random.default_rng(0)
    shop = generator.integers(0, 3, 9000)
    chances = np.array([[0.6, 0.2, 0.2], [0.2, 0.6, 0.2], [0.1, 0.1, 0.8]])[shop]
    arm = (generator.random((9000, 1)) > chances.cumsum(1)).sum(1)
    frame = pd.DataFrame({"shop": np.array(["a", "b", "c"])[shop], "noise": generator.normal(size=9000)})
    frame.loc[::7, "noise"] = np.nan
    assert np.abs(estimate_propensity(frame, arm, Logistic()) - chances).max() < 0.06


def test_each_row_is_predicted_by_a_model_of_other_rows():
    generator = np.random.default_rng(0)
    x, arm = generator.normal(size=(1000, 20)), generator.integers(0, 2, 1000)
    found = estimate_propensity(x, arm, Boosted(), rng=1)[:, 1]
    auc = mannwhitneyu(found[arm == 1], found[arm == 0]).statistic / (arm.sum() * (1 - arm).sum())
    assert 0.43 < auc < 0.57  # Boosting tells its own rows' noise apart almost perfectly.
    assert np.array_equal(found, estimate_propensity(x, arm, Boosted(), rng=1)[:, 1])


def test_bad_arms_and_folds_are_one_line():
    x = np.zeros((6, 1)) + np.arange(6)[:, None]
    with pytest.raises(DataError, match="arm 1 has 1 rows, fewer than the 5 folds"):
        estimate_propensity(x, [0, 0, 0, 0, 0, 1], Shares())
    with pytest.raises(DataError, match=r"the arms must have shape \[6\], found \[2\]"):
        estimate_propensity(x, [0, 1], Shares())
    with pytest.raises(DataError, match=r"whole numbers from 0 \(control\) to 1, found -1"):
        estimate_propensity(x, [0, 1, -1, 0, 1, 0], Shares())
    with pytest.raises(ConfigError, match="folds of 2 or more. Got 1"):
        estimate_propensity(x, [0, 1, 0, 1, 0, 1], Shares(), folds=1)


def test_effective_sizes_are_kish():
    chances = np.array([[0.5, 0.5]] * 4 + [[0.9, 0.1], [0.2, 0.8]])
    arm = np.array([0, 0, 1, 1, 1, 0])
    found = overlap_of(chances, arm)
    control, treated = np.array([2, 2, 5.0]), np.array([2, 2, 10.0])
    assert found.effective == pytest.approx([w.sum() ** 2 / (w**2).sum() for w in (control, treated)])
    assert (found.rows.tolist(), found.beyond) == ([3, 3], 0.0)
    assert (found.lowest.tolist(), found.highest.tolist()) == ([0.2, 0.1], [0.9, 0.8])


def test_equal_weights_are_worth_all_their_rows():
    arm = np.repeat([0, 1], [70, 30])
    assert overlap_of(np.tile([0.7, 0.3], (100, 1)), arm).effective == pytest.approx([70, 30])


def test_a_chance_of_zero_is_worth_one_row():
    found = overlap_of([[0.5, 0.5], [1.0, 0.0], [0.5, 0.5]], [0, 1, 1])
    assert found.effective == pytest.approx([1, 1])
    assert found.beyond == pytest.approx(1 / 3)
    assert found.lines(("control", "mail"))[-1] == "33.33% of the customers have a propensity beyond [0.01, 0.99]"
    assert found.lines(("control", "mail"))[1].startswith("mail: 2 customers, worth 1 once weighted")


def test_clipping_is_said_and_only_where_it_changes_something():
    with pytest.warns(UserWarning, match=r"50.00% of the customers .* clipped") as said:
        found = clipped([[0.005, 0.995], [0.5, 0.5]])
    assert "\n" not in str(said[0].message)
    assert found.tolist() == [[0.01, 0.99], [0.5, 0.5]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert clipped([[0.01, 0.99]]).tolist() == [[0.01, 0.99]]


@pytest.mark.parametrize(
    ("chances", "bounds", "error", "message"),
    [
        ([[0.5, np.nan]], (0.01, 0.99), DataError, "the propensities must be finite"),
        ([[0.5, 1.5]], (0.01, 0.99), DataError, r"within \[0, 1\], found 0.5 to 1.5"),
        ([0.5, 0.5], (0.01, 0.99), DataError, "a column for each arm"),
        ([[0.5, 0.5]], (0.0, 0.99), ConfigError, r"within \(0, 1\)"),
        ([[0.5, 0.5]], (0.9, 0.1), ConfigError, "the lower first"),
    ],
)
def test_bad_propensities_are_one_line(chances, bounds, error, message):
    with pytest.raises(error, match=message):
        clipped(chances, bounds)


def test_random_treatment_is_seldom_called_dependent():
    found = []
    for seed in range(80):
        generator = np.random.default_rng(seed)
        x, arm = generator.normal(size=(300, 5)), generator.integers(0, 2, 300)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.append(randomness(x, arm, models=(Logistic(),), rng=seed).p_value)
    # Expected are at most 8 of 80; 17 or more come with a chance of 0.2 %.
    assert 0 < np.sum(np.array(found) < 0.1) < 17


def test_dependence_is_warned_of_in_one_line():
    x, arm, truth = selected(3000)
    with pytest.warns(UserWarning, match="treatment depends on the features") as said:
        found = randomness(x, arm)
    assert "\n" not in str(said[0].message)
    order = mannwhitneyu(truth[arm == 1, 1], truth[arm == 0, 1]).statistic / (arm.sum() * (1 - arm).sum())
    assert found.auc == pytest.approx(order, abs=0.02)
    assert found.p_value < 1e-10


def test_an_interaction_is_seen_too():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(4000, 2))
    arm = (generator.random(4000) < np.where((x > 0).all(1) | (x < 0).all(1), 0.6, 0.4)).astype(np.int64)
    with pytest.warns(UserWarning, match="told apart"):
        assert randomness(x, arm).p_value < 1e-6
    assert randomness(x, arm, models=(Logistic(),)).p_value > 0.01


def test_the_arm_that_was_selected_is_named_and_rows_are_drawn():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(6000, 2))
    arm = np.where(x[:, 0] + generator.normal(size=6000) > 1, 2, generator.integers(0, 2, 6000))
    with pytest.warns(UserWarning, match="arm 2 is told apart"):
        assert randomness(x, arm, rows=2000).arm == 2


def test_features_that_say_nothing_at_all_give_a_p_value_of_one():
    found = randomness(np.ones((40, 1)), np.tile([0, 1], 20))
    assert (found.auc, found.p_value) == (0.5, 1.0)


def test_one_arm_cannot_be_tested():
    with pytest.raises(DataError, match="one arm alone"):
        randomness(np.arange(6.0)[:, None], np.zeros(6, np.int64))


def test_boosting_takes_as_many_threads_as_torch(monkeypatch):
    features, arm = np.random.default_rng(0).normal(size=(300, 2)), np.arange(300) % 2
    seen = []
    fit = HistGradientBoostingClassifier.fit

    def counted(self, *data):
        seen.append(max(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"))
        return fit(self, *data)

    monkeypatch.setattr(HistGradientBoostingClassifier, "fit", counted)
    before = torch.get_num_threads()
    try:
        with threadpool_limits(3, user_api="openmp"):
            torch.set_num_threads(1)  # Both may share one pool.
            estimate_propensity(features, arm, Boosted(trees=2), folds=2)
            randomness(features, arm, models=[Boosted(trees=2)])
    finally:
        torch.set_num_threads(before)
    assert seen == [1] * 4
