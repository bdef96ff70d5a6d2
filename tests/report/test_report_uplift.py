from __future__ import annotations

import copy
import re

import pytest

from recval.report.formats import brief
from recval.report.uplift import write_uplift
from recval.report.uplift_figures import calibration_figure, gainers_figure, profit_figure, ranking_curve
from recval.report.uplift_sentences import arm_sentences, beside_random, plan_sentences, split_sentences

METRIC = {"value": 0.7, "low": 0.5, "high": 0.9, "null_low": 0.3, "null_high": 0.6, "p_value": 0.01}
CURVE = {"share": [0.0, 0.5, 1.0], "gain": [0.0, 0.9, 1.0], "low": [0.0, 0.2, 1.0], "high": [0.0, 0.8, 1.0]}
DECILES = [
    {"rows": 50, "predicted": 2.0, "observed": 1.8, "standard_error": 0.2},
    {"rows": 50, "predicted": 1.0, "observed": 0.1, "standard_error": 0.2},
    {"rows": 1, "predicted": 0.5, "observed": None, "standard_error": None},
]
GAINERS = [
    {"feature": "city", "category": "<b>Ghent</b>", "top": 0.6, "rest": 0.2, "difference": 0.9, "lift": 3.0},
    {"feature": "age", "category": None, "top": 30.0, "rest": 50.0, "difference": -1.2, "lift": None},
    {"feature": "vip", "category": "True", "top": 1.0, "rest": 0.0, "difference": None, "lift": None},
]
ARM = {
    "treated": 60,
    "control": 41,
    "predicted": 1.1,
    "average_effect": {"estimate": 1.0, "low": 0.4, "high": 1.6},
    "metrics": {"auuc": METRIC, "euce": {"value": 0.4, **dict.fromkeys([*METRIC][1:])}},
    "top": {"share": 0.3, "value": 2.5, "low": 1.0, "high": 4.0},
    "curves": {"uplift": CURVE, "qini": CURVE},
    "deciles": DECILES,
    "gainers": GAINERS,
    "truth": None,
}
PROMISED = {"budget": [0.0, 5.0, 9.0], "profit": [0.0, 8.0, 9.0], "marginal_roi": [None, 1.6, 0.25]}
MEASURED = {
    "budget": [0.0, 5.0, 9.0],
    "profit": [0.0, 3.0, 1.0],
    "profit_low": [0.0, -4.0, -7.0],
    "profit_high": [0.0, 9.0, 9.0],
}
PLAN = {
    "customers": 101,
    "treated": {"mail": 18},
    "cost": {"mail": 0.5},
    "budget": 10.0,
    "margin": 0.4,
    "spent": 9.0,
    "revenue": 45.0,
    "profit": 9.0,
    "earned": {"estimate": 0.05, "low": -0.1, "high": 0.2},
    "promised_curve": PROMISED,
    "measured_curve": MEASURED,
}
FOUND = {"customers": 101, "control": "none", "arms": {"mail": ARM}, "plan": PLAN, "warnings": []}
MODELS = {
    "mail": {
        "auuc": {"trials": 8, "mean": 0.55, "sd": 0.1, "above": 3, "below": 1, "by_trial": [0.5] * 8},
        "euce": {"trials": 8, "mean": 0.5, "sd": 0.1, "above": None, "below": None, "by_trial": [0.5] * 8},
    }
}


@pytest.fixture
def page(tmp_path):
    def write(found=FOUND, **changes):
        write_uplift(tmp_path / "report.html", found, "spend", {"python": "3"}, **changes)
        return (tmp_path / "report.html").read_text().split("<main>")[1]

    return write


def changed(found, path, value):
    """Return a copy with one entry replaced."""
    copied = copy.deepcopy(found)
    *above, last = path
    part = copied
    for key in above:
        part = part[key]
    part[last] = value
    return copied


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.61, "so the ranking is better than random"),
        (0.6, "cannot be told from a random one"),
        (0.3, "cannot be told from a random one"),
        (0.29, "worse than random and must not be used"),
    ],
)
def test_a_ranking_is_judged_by_the_band(value, said):
    assert said in beside_random({**METRIC, "value": value})


def test_without_a_band_nothing_is_said_of_random_rankings():
    assert beside_random(ARM["metrics"]["euce"]) == ""
    assert beside_random({**METRIC, "value": None}) == ""


def test_an_effect_that_may_be_none_is_told_so():
    sure, *_ = arm_sentences("mail", ARM, "spend")
    assert "+1.00 a customer on average" in sure
    assert "not shown" not in sure
    unsure, *_ = arm_sentences("mail", changed(ARM, ["average_effect", "low"], -0.1), "spend")
    assert "not shown to differ from 0" in unsure


def test_the_size_counts_groups_within_the_error_of_measurement():
    *_, size = arm_sentences("mail", ARM, "spend")
    assert "in 1 of 2 groups" in size


@pytest.mark.parametrize(("predicted", "said"), [(0.3, "too low"), (1.7, "too high"), (0.4, ""), (1.6, "")])
def test_a_size_that_the_average_effect_contradicts_is_told_with_what_to_do(predicted, said):
    *_, size = arm_sentences("mail", changed(ARM, ["predicted"], predicted), "spend")
    assert ("model.calibration" in size) == bool(said)
    assert said in size


@pytest.mark.parametrize(("low", "high", "shown"), [(1.0, 4.0, False), (0.5, 1.0, False), (1.1, 4.0, True)])
def test_that_the_highest_gain_more_is_said_where_their_interval_leaves_out_the_average(low, high, shown):
    found = {**ARM, "top": {"share": 0.3, "value": 2.5, "low": low, "high": high}}
    told = " ".join(arm_sentences("mail", found, "spend"))
    assert ("choosing these gains more is not shown" not in told) == shown


def test_a_plan_that_treats_nobody_earns_nothing_by_design():
    earned = {"estimate": 0.0, "low": 0.0, "high": 0.0}
    promised, why = plan_sentences({**PLAN, "treated": {"mail": 0}, "earned": earned})
    assert "treats 0" in promised
    assert "treats nobody" in why
    assert "too few customers" not in why


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (2.9342, "2.93"),
        (-0.01236, "−0.0124"),
        (0.4, "0.400"),
        (99.96, "100"),
        (1234567.8, "1,234,568"),
        (1e-7, "1.00e−07"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_amounts_have_three_digits(value, text):
    assert brief(value) == text


def test_areas_divided_by_what_may_be_nothing_are_told(page):
    assert "qini-undivided" not in page()
    assert "qini-undivided" in page(changed(FOUND, ["arms", "mail", "average_effect", "low"], -0.1))


def test_only_a_run_says_that_the_customers_were_held_out(page):
    assert "101 customers that the model was not fitted to" in page(recipe_text="customers: {}")
    assert "that the model was not fitted to" not in page()


def test_a_top_without_customers_of_an_arm_is_passed_over():
    told = list(arm_sentences("mail", changed(ARM, ["top", "value"], None), "spend"))
    assert len(told) == 3


def test_a_plan_that_may_earn_nothing_is_told_so():
    promised, measured = plan_sentences(PLAN)
    assert "treats 18 and spends 9.00 of a budget of 10.00" in promised
    assert "too few customers bought to tell" in measured
    assert "chance alone seldom brings" in list(plan_sentences(changed(PLAN, ["earned", "low"], 0.01)))[1]
    assert "budget" not in next(plan_sentences(changed(PLAN, ["budget"], None)))


def test_repeated_splits_are_told_with_their_place_beside_the_band():
    (told,) = split_sentences("mail", MODELS["mail"])
    assert "Over 8 models" in told
    assert "3 lie above the band of random rankings, 1 below it" in told
    assert list(split_sentences("mail", changed(MODELS["mail"], ["auuc", "trials"], 1))) == []


def test_a_curve_is_drawn_over_its_band_and_the_mean_of_random():
    low, high, straight, curve = ranking_curve(CURVE, "gain").data
    assert list(low.y) == CURVE["low"]
    assert (list(high.y), high.fill) == (CURVE["high"], "tonexty")
    assert (list(straight.x), list(straight.y)) == ([0, 1], [0, 1.0])
    assert list(curve.y) == CURVE["gain"]


def test_points_of_the_calibration_have_bars_of_their_error():
    equal, points = calibration_figure(DECILES, "spend").data
    assert (list(equal.x), list(equal.y)) == ([0.5, 2.0], [0.5, 2.0])
    assert list(points.x) == [2.0, 1.0, 0.5]
    assert list(points.error_y.array) == pytest.approx([0.392, 0.392, 0])


def test_names_from_the_data_are_escaped_in_figures():
    (bars,) = gainers_figure(GAINERS).data
    assert bars.y == ("vip: True", "age", "city: &lt;b&gt;Ghent&lt;/b&gt;")


def test_profit_is_drawn_as_promised_and_as_measured():
    names = {trace.name: trace for trace in profit_figure(PROMISED, MEASURED).data}
    assert list(names["promised"].y) == PROMISED["profit"]
    assert list(names["measured"].y) == MEASURED["profit"]


def test_the_page_has_all_sections_and_loads_nothing(page):
    body = page()
    assert not re.search(r"(src|href)=", body)
    assert re.findall(r'<section id="([^"]+)"', body) == ["verdict", "arm-1", "plan", "recipe"]
    assert "<h2>mail against none</h2>" in body
    assert "&lt;b&gt;Ghent&lt;/b&gt;" in body
    assert "<b>Ghent</b>" not in body.split("<table>", 1)[1].split("</table>")[0]
    assert "of 8 models" not in body
    assert "recipe.yaml" not in body


def test_the_page_of_several_models_has_their_spread(page):
    body = page(models=MODELS, recipe_text="customers: {}", lead="What?")
    assert "mean ± sd of 8 models" in body
    assert '<td class="number">3, 1</td>' in body
    assert "customers: {}" in body
    assert '<p class="lead">What?</p>' in body


def test_the_page_without_a_plan_and_with_the_truth(page):
    truth = {"spearman": 0.8, "oracle-qini": 0.7, "pehe": 1.2, "mean-bias": -0.3, "sd": 2.0}
    found = changed(changed(FOUND, ["plan"], None), ["arms", "mail", "truth"], truth)
    body = page(changed(found, ["warnings"], ["treatment <depends> on the features"]))
    assert '<section id="plan"' not in body
    assert "Beside the truth" in body
    assert "−0.3000" in body
    assert '<p class="warning">treatment &lt;depends&gt; on the features</p>' in body


def test_the_same_findings_give_the_same_bytes(page):
    assert page() == page()
