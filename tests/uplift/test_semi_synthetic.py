from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from scipy import stats

from recval.errors import ConfigError, DataError
from recval.uplift import SemiSynthetic, simulated_customers

CUSTOMERS = 12
FAMILIES = ("ziln", "gamma", "tweedie")


def repeated(frame, copies):
    return frame.iloc[np.tile(np.arange(len(frame)), copies)]


@pytest.fixture(scope="module")
def features():
    return simulated_customers(CUSTOMERS, rng=5, missing=0.1)


@pytest.mark.parametrize("selection", [0.0, 1.0])
@pytest.mark.parametrize("family", FAMILIES)
def test_truth_is_the_mean_difference_of_potential_outcomes(features, family, selection):
    """Each customer is drawn 6,000 times: the mean of its responses under each arm less that without."""
    copies = 6_000
    settings = SemiSynthetic(family=family, treatments=2, selection=selection, base_rate=0.3)
    made = settings.generate(repeated(features, copies), rng=3)
    customer = np.tile(np.arange(CUSTOMERS), copies)
    assert np.ptp(made.truth.reshape(copies, CUSTOMERS, 2), axis=0).max() == 0
    groups = pd.DataFrame({"y": made.response, "customer": customer, "arm": made.arm}).groupby(["arm", "customer"])["y"]
    means, errors = (values.to_numpy().reshape(3, CUSTOMERS) for values in (groups.mean(), groups.sem()))
    z = (means[1:] - means[0] - made.truth[:CUSTOMERS].T) / np.hypot(errors[1:], errors[0])
    assert np.abs(z).max() < 4
    assert 0.6 < z.std() < 1.4
    overall = z.sum() / np.sqrt(z.size)
    assert abs(overall) < 4
    assert made.truth.std() > 1


@pytest.mark.parametrize("family", FAMILIES)
def test_arms_are_drawn_by_their_propensity(features, family):
    made = SemiSynthetic(family=family, treatments=2, selection=1).generate(repeated(features, 5000), rng=1)
    np.testing.assert_allclose(made.propensity.sum(axis=1), 1)
    customer = np.tile(np.arange(CUSTOMERS), 5000)
    for arm in range(3):
        shares = np.bincount(customer, made.arm == arm) / 5000
        chance = made.propensity[:CUSTOMERS, arm]
        assert (np.abs(shares - chance) < 4.5 * np.sqrt(chance * (1 - chance) / 5000)).all()


@pytest.mark.parametrize("treatments", [1, 3])
def test_a_randomised_experiment_has_one_propensity(treatments):
    made = SemiSynthetic(treatments=treatments, rows=9000).generate(rng=2)
    assert np.ptp(made.propensity) == pytest.approx(0, abs=1e-15)
    assert made.propensity.shape == (9000, treatments + 1)
    assert stats.chisquare(np.bincount(made.arm, minlength=treatments + 1)).pvalue > 1e-4


def test_selection_is_as_strong_as_it_is_said_and_confounds():
    spreads, biases = [], []
    for selection in (0.0, 0.5, 1.0):
        made = SemiSynthetic(selection=selection, rows=40_000).generate(rng=4)
        log_odds = np.log(made.propensity[:, 1] / made.propensity[:, 0])
        spreads.append(log_odds.std())
        treated = made.arm == 1
        naive = made.response[treated].mean() - made.response[~treated].mean()
        weights = 1 / made.propensity[np.arange(len(made)), made.arm]
        weighted = [np.average(made.response[rows], weights=weights[rows]) for rows in (treated, ~treated)]
        biases.append(naive - made.truth.mean())
        assert weighted[0] - weighted[1] == pytest.approx(made.truth.mean(), abs=1.5)
    assert spreads[0] == pytest.approx(0, abs=1e-12)
    assert 0.3 < spreads[1] < 0.7
    assert spreads[2] == pytest.approx(2 * spreads[1])
    assert biases[2] > biases[1] > biases[0] + 0.5


@pytest.mark.parametrize("base_rate", [0.01, 0.08, 0.5, 0.9])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_base_rate_is_the_share_of_buyers_in_the_control(family, base_rate):
    made = SemiSynthetic(family=family, base_rate=base_rate, rows=40_000).generate(rng=6)
    buys = made.response[made.arm == 0] > 0
    assert abs(buys.mean() - base_rate) < 4 * np.sqrt(base_rate * (1 - base_rate) / len(buys))
    assert made.response.min() == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_no_effect_is_no_uplift_and_more_effect_is_more(family):
    sizes = [
        np.abs(SemiSynthetic(family=family, effect=e, rows=2000).generate(rng=0).truth).mean() for e in (0, 0.5, 1)
    ]
    assert sizes[0] == 0
    assert sizes[0] < sizes[1] < sizes[2]


@pytest.mark.parametrize("family", FAMILIES)
def test_money_has_a_unit(family):
    dollars, cents = (SemiSynthetic(family=family, size=size, rows=3000).generate(rng=1) for size in (50, 5000))
    np.testing.assert_allclose(100 * dollars.truth, cents.truth, rtol=1e-6)
    np.testing.assert_allclose(100 * dollars.response, cents.response, rtol=1e-6)


def test_the_families_have_the_tails_that_they_are_said_to_have():
    """The logarithm of what is spent is normal for ZILN, with a standard deviation of 1 for one customer."""
    one = repeated(simulated_customers(3, rng=0), 15_000)
    amounts = {}
    for family in FAMILIES:
        made = SemiSynthetic(family=family, base_rate=0.2).generate(one, rng=8)
        spent = made.response[(made.arm == 0) & (np.arange(len(made)) % 3 == 0)]
        amounts[family] = spent[spent > 0]
    logarithm = np.log(amounts["ziln"])
    assert logarithm.std() == pytest.approx(1, abs=4 / np.sqrt(2 * len(logarithm)))
    assert stats.kstest((logarithm - logarithm.mean()) / logarithm.std(), "norm").pvalue > 1e-3
    shape, _, _ = stats.gamma.fit(amounts["gamma"], floc=0)
    assert shape == pytest.approx(2, rel=0.1)
    variation = {family: values.std() / values.mean() for family, values in amounts.items()}
    assert variation["gamma"] < variation["tweedie"] < variation["ziln"]


def test_chance_and_size_move_together_in_tweedie():
    """A mean m implies the share of zeros, exp(-2 sqrt(m) / phi), and the variance, phi m^1.5, of one phi for all."""
    made = SemiSynthetic(family="tweedie", base_rate=0.3).generate(
        repeated(simulated_customers(6, rng=3), 12_000), rng=9
    )
    control = made.response[made.arm == 0], np.arange(len(made))[made.arm == 0] % 6
    groups = pd.Series(control[0]).groupby(control[1])
    means, zeros, variances = groups.mean(), groups.apply(lambda y: (y == 0).mean()), groups.var()
    by_zeros = -2 * np.sqrt(means) / np.log(zeros)
    by_variance = variances / means**1.5
    assert means.max() > 1.5 * means.min()
    np.testing.assert_allclose(by_zeros, by_zeros.mean(), rtol=0.1)
    np.testing.assert_allclose(by_variance, by_zeros.mean(), rtol=0.2)


def test_seeds_and_surfaces_are_apart():
    def make(rng=0, surface=0, **settings):
        return SemiSynthetic(surface=surface, rows=500, **settings).generate(simulated_customers(500, rng=1), rng=rng)

    first, same, other = make(), make(), make(surface=1)
    assert (first.response == same.response).all()
    assert (first.truth == same.truth).all()
    assert not np.allclose(first.truth, other.truth)
    redrawn = make(rng=1)
    assert not (first.arm == redrawn.arm).all()
    np.testing.assert_allclose(np.sort(first.truth, axis=0), np.sort(redrawn.truth, axis=0))
    assert not (first.features["age"] == redrawn.features["age"]).all()


def test_rows_are_taken_from_the_features():
    frame = simulated_customers(100, rng=1)
    assert len(SemiSynthetic().generate(frame)) == 100
    fewer = SemiSynthetic(rows=100).generate(frame).features
    assert sorted(fewer["spend"]) == sorted(frame["spend"])
    more = SemiSynthetic(rows=1000).generate(frame).features
    assert len(more) == 1000
    assert set(more["spend"]) <= set(frame["spend"])


def test_constant_features_give_one_uplift():
    made = SemiSynthetic(rows=50).generate(pd.DataFrame({"x": np.ones(50), "c": "a"}))
    assert np.ptp(made.truth) < 1e-12
    assert made.truth[0] > 0


def test_simulated_customers_are_a_table_of_a_shop():
    frame = simulated_customers(20_000, rng=3)
    assert len(frame) == 20_000
    assert not frame.isna().to_numpy().any()
    assert frame["age"].between(18, 95).all()
    assert (frame["recency"] <= frame["tenure"]).all()
    assert (frame[["tenure", "recency", "orders"]] >= 1).to_numpy().all()
    assert (frame["spend"] > 0).all()
    assert frame["returns"].between(0, 1).all()
    assert stats.spearmanr(frame["orders"], frame["spend"])[0] > 0.6
    counts = frame["region"].value_counts()
    assert counts.iloc[0] > 3 * counts.iloc[-1]
    assert {str(frame[name].dtype) for name in frame} == {"float64", "int64", "bool", "category"}
    pd.testing.assert_frame_equal(frame, simulated_customers(20_000, rng=3))


def test_as_many_values_are_missing_as_asked_for():
    frame = simulated_customers(20_000, rng=3, missing=0.2)
    missing = frame.isna().mean()
    assert (missing[["age", "returns", "region", "department"]] - 0.2).abs().max() < 4 * np.sqrt(0.16 / 20_000)
    assert missing.drop(["age", "returns", "region", "department"]).max() == 0


@pytest.mark.parametrize(("rows", "missing"), [(0, 0.0), (10, -0.1), (10, 1.1)])
def test_simulations_that_cannot_be_are_refused(rows, missing):
    with pytest.raises(ConfigError, match="must be"):
        simulated_customers(rows, missing=missing)


@pytest.mark.parametrize(
    "settings",
    [
        {"family": "normal"},
        {"base_rate": 0},
        {"base_rate": 1},
        {"size": 0},
        {"size": np.inf},
        {"effect": -1},
        {"rows": 1},
        {"treatments": 0},
        {"selection": -1},
        {"surface": -1},
        {"seed": 1},
    ],
)
def test_settings_that_cannot_be_are_refused(settings):
    with pytest.raises(ValidationError):
        SemiSynthetic(**settings)


def test_features_that_cannot_be_encoded_are_refused():
    with pytest.raises(DataError, match="infinite"):
        SemiSynthetic().generate(pd.DataFrame({"x": [1, np.inf]}))
