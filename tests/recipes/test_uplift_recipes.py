from __future__ import annotations

import json
import os
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recval.declarations import shipped, validate
from recval.engine import Processes
from recval.errors import ConfigError, DataError, RunError
from recval.recipes.uplift import Evaluation, UpliftRecipe, UpliftRun, check, evaluate, fit, open_model, predictions
from recval.recipes.uplift.evaluating import treated_at_random
from recval.recipes.uplift.splits import CustomerSplit
from recval.recipes.uplift.summary import summarise
from recval.uplift.customers import Customers
from recval.uplift.effects.doubly_robust import doubly_robust
from recval.uplift.effects.propensity import Logistic, Shares
from recval.uplift.metrics import auuc, auuc_null_test, lift
from recval.uplift.semi_synthetic import SemiSynthetic
from recval.uplift.targeting import Budget

QUICK = Evaluation(metrics=("auuc", "lift@30", "autoc", "spearman"), resamples=10, rankings=50)


def made_up(rows=1500, **changes):
    return SemiSynthetic(rows=rows, base_rate=0.3, **changes).generate(rng=1)


@pytest.fixture(scope="module")
def customers():
    return made_up(treatments=2)


@given(
    sizes=st.lists(st.integers(2, 60), min_size=2, max_size=4),
    share=st.floats(0.05, 0.9),
    repeat=st.integers(0, 3),
    seed=st.integers(0, 2**32),
)
@settings(deadline=None, derandomize=True, max_examples=60)
def test_a_split_parts_every_arm_alike(sizes, share, repeat, seed):
    arm = np.repeat(np.arange(len(sizes)), sizes)
    response = (np.arange(len(arm)) % 2).astype(float)
    frame = pd.DataFrame({"row": np.arange(len(arm))})
    everybody = Customers.of(frame, arm, response, control=0)
    split = CustomerSplit(test=share, seed=seed)
    if share * min(sizes) < 2:
        with suppress(DataError):
            split.hold_out(everybody, repeat)
        return
    rest, test = split.hold_out(everybody, repeat)
    both = np.sort(np.concatenate([rest.features["row"], test.features["row"]]))
    assert both.tolist() == list(range(len(arm)))
    for code, size in enumerate(sizes):
        assert abs((test.arm == code).sum() - share * size) <= 2
    again = split.hold_out(everybody, repeat)[1]
    assert again.features["row"].tolist() == test.features["row"].tolist()


def test_repeated_splits_differ(customers):
    split = CustomerSplit(repeats=2)
    first, second = (split.hold_out(customers, repeat)[1] for repeat in range(2))
    assert len(first) == len(second)
    assert first.response.tolist() != second.response.tolist()


def test_the_truth_ranks_best_and_a_constant_score_gains_nothing(customers):
    found = evaluate(customers.truth, customers, QUICK)
    for place, (arm, of_arm) in enumerate(found["arms"].items()):
        assert arm == customers.arms[place + 1]
        assert of_arm["metrics"]["spearman"]["value"] == pytest.approx(1)
        assert of_arm["truth"]["oracle-qini"] == pytest.approx(1)
        assert of_arm["truth"]["pehe"] == pytest.approx(0, abs=1e-12)
    constant = evaluate(np.zeros_like(customers.truth), customers, QUICK)
    for of_arm in constant["arms"].values():
        assert of_arm["metrics"]["autoc"]["value"] == pytest.approx(0, abs=1e-12)
        curve = of_arm["curves"]["uplift"]
        np.testing.assert_allclose(curve["gain"], curve["gain"][-1] * np.array(curve["share"]), atol=1e-12)
        assert of_arm["metrics"]["spearman"]["value"] is None


def test_figures_are_those_of_the_metrics_on_each_arm_alone(customers):
    uplift = np.random.default_rng(0).normal(size=customers.truth.shape)
    found = evaluate(uplift, customers, QUICK)
    scores = doubly_robust(customers, propensity=None, rng=0)
    for place, of_arm in enumerate(found["arms"].values()):
        rows = np.isin(customers.arm, (0, place + 1))
        ranked = uplift[rows, place], customers.arm[rows] > 0, customers.response[rows]
        assert of_arm["metrics"]["auuc"]["value"] == pytest.approx(auuc(*ranked))
        assert of_arm["metrics"]["lift@30"]["value"] == of_arm["top"]["value"] == pytest.approx(lift(*ranked))
        null = auuc_null_test(*ranked, draws=50)
        assert of_arm["metrics"]["auuc"]["p_value"] == null.p_value
        assert of_arm["metrics"]["auuc"]["null_low"] == null.quantile(0.025)
        assert of_arm["average_effect"]["estimate"] == pytest.approx(scores.average_effects()[place].mean)
        assert sum(row["rows"] for row in of_arm["deciles"]) == rows.sum() == of_arm["treated"] + of_arm["control"]


def test_rows_in_another_order_change_no_value(customers):
    uplift = np.random.default_rng(0).normal(size=customers.truth.shape)
    order = np.random.default_rng(1).permutation(len(customers))
    found = [
        evaluate(scores, people, QUICK)["arms"]
        for scores, people in ((uplift, customers), (uplift[order], customers.take(order)))
    ]
    for arm, of_arm in found[0].items():
        for name in ("auuc", "lift@30", "spearman"):
            assert of_arm["metrics"][name]["value"] == pytest.approx(found[1][arm]["metrics"][name]["value"])


def test_a_plan_is_measured_by_what_it_earned(customers):
    plan = Budget(cost=1.5, margin=0.5)
    told = evaluate(customers.truth, customers, QUICK, plan)["plan"]
    treated = np.where((0.5 * customers.truth).max(axis=1) > 1.5, customers.truth.argmax(axis=1) + 1, 0)
    assert told["treated"] == {arm: int((treated == code).sum()) for code, arm in enumerate(customers.arms) if code}
    assert told["spent"] == pytest.approx(1.5 * (treated > 0).sum())
    given = np.pad(customers.truth, ((0, 0), (1, 0)))[np.arange(len(treated)), treated]
    assert told["revenue"] == pytest.approx(given.sum())
    gain = doubly_robust(customers, rng=0).gain(treated)
    assert told["earned"]["estimate"] == pytest.approx(0.5 * gain.mean - told["spent"] / len(customers))
    assert told["earned"]["low"] < told["earned"]["estimate"] < told["earned"]["high"]
    assert told["promised_curve"]["budget"] == told["measured_curve"]["budget"]


def test_all_of_it_can_be_json(customers):
    few = customers.take(np.arange(200))
    json.dumps(evaluate(few.truth, few, QUICK, Budget()), allow_nan=False)


def test_treatment_that_is_not_random_is_told_with_what_to_do():
    selected = made_up(selection=2.0)
    known = treated_at_random(selected, Evaluation())["warnings"]
    assert len(known) == 1
    assert known[0].startswith("treatment depends on the features: ")
    assert known[0].endswith("effects and plan are not")
    unknown = Customers(selected.features, selected.arm, selected.response, selected.arms)
    assert "set evaluation.propensity" in treated_at_random(unknown, Evaluation())["warnings"][0]
    assert treated_at_random(made_up(), Evaluation())["warnings"] == []


def test_effects_go_by_the_propensity_asked_for_then_the_known_one_then_the_shares():
    selected = made_up(selection=1.5)
    unknown = Customers(selected.features, selected.arm, selected.response, selected.arms)
    cases = (
        (selected, None, selected.propensity),
        (selected, Logistic(), Logistic()),
        (unknown, None, Shares()),
        (unknown, Logistic(), Logistic()),
    )
    found = []
    for customers, asked, meant in cases:
        wanted = Evaluation(metrics=("auuc",), propensity=asked, resamples=2, rankings=1)
        effect = evaluate(np.zeros((len(customers), 1)), customers, wanted)["arms"]["treatment 1"]["average_effect"]
        (expected,) = doubly_robust(customers, propensity=meant, rng=0).average_effects()
        assert effect["estimate"] == expected.mean
        assert (effect["low"], effect["high"]) == expected.interval()
        found.append(effect["estimate"])
    assert found[1] == found[3]
    assert len(set(found)) == 3


@pytest.mark.parametrize("cost", [{"mail": 1.0}, (1.0, 2.0, 3.0)])
def test_costs_that_do_not_fit_the_arms_are_refused_before_any_work(cost):
    recipe = UpliftRecipe.model_validate(
        {
            "customers": {"kind": "semi-synthetic", "generator": {"rows": 200, "base_rate": 0.3}},
            "targeting": {"cost": cost},
        }
    )
    with pytest.raises(ConfigError, match="treatment"):
        check(recipe)


def test_one_treatment_is_looked_at_alone():
    values = {"kind": "semi-synthetic", "generator": {"rows": 300, "base_rate": 0.3, "treatments": 3}}
    every = UpliftRecipe.model_validate({"customers": values}).customers.load()
    one = UpliftRecipe.model_validate({"customers": {**values, "only": "treatment 2"}}).customers.load()
    assert one.arms == ("control", "treatment 2")
    assert one.response.tolist() == every.response[np.isin(every.arm, (0, 2))].tolist()
    assert one.truth[:, 0].tolist() == every.truth[np.isin(every.arm, (0, 2)), 1].tolist()


def metric(value, low=0.2, high=0.8):
    return {"value": value, "null_low": low, "null_high": high}


def test_the_summary_counts_what_lies_beyond_the_band():
    found = [
        {"arms": {"mail": {"metrics": {"auuc": metric(value), "euce": metric(value, None, None)}}}}
        for value in (0.1, 0.5, 0.9, 0.95, None)
    ]
    summary = summarise(found)["mail"]
    assert summary["auuc"]["trials"] == 4
    assert summary["auuc"]["mean"] == pytest.approx(0.6125)
    assert summary["auuc"]["sd"] == pytest.approx(np.std([0.1, 0.5, 0.9, 0.95], ddof=1))
    assert (summary["auuc"]["above"], summary["auuc"]["below"]) == (2, 1)
    assert (summary["euce"]["above"], summary["euce"]["below"]) == (None, None)
    assert summary["auuc"]["by_trial"] == [0.1, 0.5, 0.9, 0.95, None]
    assert summarise(found[4:])["mail"]["auuc"]["mean"] is None


RECIPE = {
    "customers": {"kind": "semi-synthetic", "generator": {"rows": 600, "base_rate": 0.3}},
    "model": {"training": {"epochs": 1}},
    "evaluation": {"metrics": ["qini"], "resamples": 5, "rankings": 5},
    "split": {"repeats": 2},
}


def test_a_run_holds_the_model_whose_figures_it_tells(tmp_path):
    recipe = validate(RECIPE, UpliftRecipe)
    run = fit(recipe, tmp_path / "run")
    table = pd.read_parquet(run.scored_path)
    _, test = recipe.split.hold_out(recipe.customers.load())
    predicted = predictions(open_model(run.path), test.features)
    for name in predicted:
        assert table[name].tolist() == predicted[name].tolist()
    assert table["true_treatment 1"].tolist() == test.truth[:, 0].tolist()
    assert table["response"].tolist() == test.response.tolist()
    assert len(run.metrics()["treatment 1"]["qini"]["by_trial"]) == 2
    with pytest.raises(RunError, match="on other data"):
        fit(validate({**RECIPE, "customers": RECIPE["customers"]}, UpliftRecipe), _other_data(tmp_path / "run"))


def _other_data(path):
    data = json.loads((path / "data.json").read_text())
    (path / "data.json").write_text(json.dumps({**data, "sha256": "0"}))
    return path


def test_a_folder_without_a_finished_uplift_run_is_told(tmp_path):
    with pytest.raises(RunError, match="holds no run"):
        UpliftRun.open(tmp_path)
    (tmp_path / "recipe.yaml").write_text("methods: {}\n")
    with pytest.raises(RunError, match="is one of methods"):
        UpliftRun.open(tmp_path)
    (tmp_path / "recipe.yaml").write_text("customers: {}\n")
    with pytest.raises(RunError, match="continue it with recval uplift fit"):
        UpliftRun.open(tmp_path)


@pytest.mark.slow
def test_workers_change_nothing(tmp_path):
    recipe = validate(RECIPE, UpliftRecipe)
    alone, together = fit(recipe, tmp_path / "alone"), fit(recipe, tmp_path / "together", Processes(2))
    for name in ("metrics.json", "evaluation.json", "scored.parquet", "model/weights.safetensors", "report.html"):
        assert (alone.path / name).read_bytes() == (together.path / name).read_bytes()


SHIPPED = ("uplift-hillstrom", "uplift-hillstrom-mens", "uplift-hillstrom-womens", "uplift-semi-synthetic")


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_uplift_recipe_names_customers_and_a_plan(name):
    from recval.declarations import read

    recipe = read(shipped("configs")[name], UpliftRecipe)
    assert recipe.description
    assert recipe.targeting is not None
    if recipe.customers.kind == "known" and "RECVAL_DATA" not in os.environ:
        pytest.skip("the customers are in the folder that RECVAL_DATA names, which is not set")
    assert len(check(recipe)) > 10_000
