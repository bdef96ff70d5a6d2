"""Metrics by name, for one treatment and for several."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from drawn_experiment import drawn_experiment

from recval.errors import ConfigError, DataError
from recval.uplift import metrics
from recval.uplift.customers import Customers
from recval.uplift.metrics import check_metric, measure, metric_names, rank_metrics
from recval.uplift.metrics.rank_metrics import rank_metric


def customers(seed=0, n=300, arms=3, binary=False, truth=True):
    rng = np.random.default_rng(seed)
    response = rng.random(n) < 0.4 if binary else np.maximum(rng.normal(1, 3, n), 0)
    return Customers(
        features=pd.DataFrame({"x": rng.random(n)}),
        arm=np.arange(n) % arms,
        response=response.astype(float),
        arms=("none", "mens", "womens")[:arms],
        truth=rng.normal(size=(n, arms - 1)) if truth else None,
    )


def by_function(name, score, treated, response):
    """Return a metric by the function that it is named after."""
    base, _, share = name.partition("@")
    cuts = {"lift": "rows", "lift-buckets": "buckets", "lift-floor": "scikit-uplift", "lift-by-arm": "by-arm"}
    if base in cuts:
        return metrics.lift(score, treated, response, share=float(share) / 100, cut=cuts[base])
    if base.startswith("krcc"):
        ties = "argsort" if base == "krcc-argsort" else "tau-b"
        return metrics.rank_correlation(score, treated, response, ties=ties)
    if base == "auqc":
        return metrics.auqc(score, treated, response)
    area, _, normalisation = base.partition("-")
    names = {"": "causalml", "undivided": "none", "binary": "scikit-uplift", "buckets": "buckets"}
    return getattr(metrics, area)(score, treated, response, normalisation=names[normalisation])


RANKED = [name for name in metric_names() if name not in ("euce", "autoc", "rate-qini")][:-4]


@pytest.mark.parametrize("name", RANKED)
def test_a_name_stands_for_its_function(name):
    for seed in range(5):
        given = drawn_experiment(seed, n=250, ties=seed == 4, binary=True)
        found = rank_metrics([name, "qini"], *given)
        assert found[name] == pytest.approx(by_function(name, *given), rel=1e-12, nan_ok=True)
        assert list(found) == list(dict.fromkeys([name, "qini"]))


def test_every_name_can_be_measured_for_every_treatment():
    everybody = customers(binary=True)
    score = np.random.default_rng(1).normal(size=(300, 2))
    names = list(metric_names())
    table = measure(names, score, everybody)
    assert table.index.tolist() == ["mens", "womens"]
    assert table.columns.tolist() == names
    assert np.isfinite(table.to_numpy()).all()
    for at, arm in enumerate(everybody.arms[1:]):
        pair = everybody.against_control(at + 1)
        rows = np.isin(everybody.arm, (0, at + 1))
        given = score[rows, at], pair.arm == 1, pair.response
        assert table.loc[arm, "auuc"] == metrics.auuc(*given)
        assert table.loc[arm, "lift@30"] == metrics.lift(*given)
        assert table.loc[arm, "euce"] == metrics.calibration_error(*given)
        effects = metrics.randomised_effects(pair.arm == 1, pair.response)
        assert table.loc[arm, "autoc"] == metrics.rate(score[rows, at], effects)
        assert table.loc[arm, "rate-qini"] == metrics.rate(score[rows, at], effects, weighting="qini")
        assert table.loc[arm, "pehe"] == metrics.pehe(score[:, at], everybody.truth[:, at])
        assert table.loc[arm, "oracle-qini"] == metrics.oracle_qini(score[:, at], everybody.truth[:, at])


def test_given_effects_are_those_of_all_customers():
    everybody = customers()
    rng = np.random.default_rng(1)
    score, effect = rng.normal(size=(2, 300, 2))
    table = measure(["autoc"], score, everybody, effect=effect)
    assert table["autoc"].tolist() == [metrics.rate(score[:, at], effect[:, at]) for at in (0, 1)]


def test_known_chances_of_treatment_weigh_the_effects():
    from dataclasses import replace

    everybody = customers(arms=2)
    chance = np.random.default_rng(0).uniform(0.2, 0.8, 300)
    known = replace(everybody, propensity=np.column_stack([1 - chance, chance]))
    score = np.random.default_rng(1).random(300)
    effects = metrics.randomised_effects(known.arm, known.response, chance)
    assert measure(["autoc"], score, known).loc["mens", "autoc"] == metrics.rate(score, effects)
    assert measure(["autoc"], score, everybody).loc["mens", "autoc"] != metrics.rate(score, effects)


def test_one_treatment_may_have_scores_of_one_dimension():
    pair = customers(arms=2)
    score = np.random.default_rng(1).normal(size=300)
    pd.testing.assert_frame_equal(measure(["qini"], score, pair), measure(["qini"], score[:, None], pair))


def test_scoring_one_model_changes_nothing_for_another():
    everybody = customers()
    first, second = np.random.default_rng(1).normal(size=(2, 300, 2))
    before = measure(["auuc", "krcc", "lift@10"], second, everybody)
    measure(["auuc", "krcc", "lift@10"], first, everybody)
    pd.testing.assert_frame_equal(measure(["auuc", "krcc", "lift@10"], second, everybody), before)


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(ConfigError, match=r"^unknown uplift metric 'aucc', did you mean 'auuc'"):
        measure(["qini", "aucc"], np.zeros(300), customers(arms=2))
    with pytest.raises(DataError, match=r"^score must have the shape \(300, 2\), a column a treatment, got \(300,\)$"):
        measure(["qini"], np.zeros(300), customers())
    with pytest.raises(DataError, match=r"^effect must have the shape \(300, 2\), a column a treatment, got \(300,\)$"):
        measure(["autoc"], np.zeros((300, 2)), customers(), effect=np.zeros(300))
    with pytest.raises(
        DataError, match=r"^the metric 'pehe' needs the true uplift, which only simulated customers have$"
    ):
        measure(["pehe"], np.zeros(300), customers(arms=2, truth=False))


@pytest.mark.parametrize("name", ["lift", "lift@", "lift@0", "lift@101", "lift@x", "lift@nan"])
def test_the_share_of_a_lift_is_a_percentage(name):
    with pytest.raises(
        ConfigError, match=r"^the share of 'lift' must be a percentage above 0, got 'lift.*'; write it as"
    ):
        check_metric(name)
    assert rank_metric("lift@2.5").name == "lift@2.5"


def test_areas_have_no_share():
    with pytest.raises(ConfigError, match=r"^unknown uplift metric 'auuc@30'"):
        check_metric("auuc@30")
    with pytest.raises(ConfigError, match=r"^unknown rank metric 'auuc@30'"):
        rank_metric("auuc@30")
