"""The removal and the addition curve: what is dropped and what is kept alone, and where both meet."""

from __future__ import annotations

import pytest
from report_samples import METHODS, recipe, removal, summary, write_run

from recval.report.curves import ADDITION, REMOVAL, curve_points, whole_of
from recval.report.sections import removal_section
from recval.report.sentences import curve_fact


def points(curve, **asked):
    found = curve_points(removal().to_pandas(), {"fractions": (), **asked}, curve)
    return dict(zip(zip(found["order"], found["share"], strict=True), found["ndcg@10"], strict=True))


def test_of_either_curve_are_the_shares_that_were_asked_for():
    assert points(REMOVAL, fractions=(0.2,), keep=(0.6,)) == {
        ("lowest", 0.2): 0.29,
        ("highest", 0.2): 0.2,
        ("random", 0.2): 0.27,
    }
    assert points(ADDITION, fractions=(0.2,), keep=(0.6,)) == {
        ("highest", 0.6): 0.28,
        ("lowest", 0.6): 0.1,
        ("random", 0.6): 0.22,
    }
    assert points(ADDITION, fractions=(0.2, 0.4)) == points(REMOVAL, keep=(0.6,)) == {}


def test_the_fact_is_of_where_least_was_trained_on():
    rows = removal().to_pandas()
    kept = curve_points(rows, {"keep": (0.6, 0.8)}, ADDITION)
    assert curve_fact(kept, "ndcg@10", ADDITION) == (
        "With 60 % kept alone, ndcg@10 is 0.2800 (highest), 0.1000 (lowest), 0.2200 (random)."
    )


OTHER, LONGER = {"model": {"name": "LightGCN"}}, {"training": {"epochs": 3}}


@pytest.mark.parametrize(
    ("plain", "valued", "meets"),
    [({}, {}, True), (OTHER, OTHER, True), (OTHER, {}, False), ({}, OTHER, False), ({}, LONGER, False)],
)
def test_curves_begin_with_plain_training_of_their_own_model_only(tmp_path, plain, valued, meets):
    methods = {**METHODS, "plain": {**METHODS["plain"], **plain}, "DVR": {**METHODS["DVR"], **valued}}
    asked = recipe(methods=methods, training={"epochs": 9})
    assert whole_of(asked, summary()) == ({"ndcg@10": {"0": 0.29, "1": 0.31}} if meets else {})
    run = write_run(tmp_path, summary(), asked, removal=removal())
    (found,) = removal_section(run, run.recipe(), run.metrics())["metrics"]
    assert list(found["figure"].data[0].x) == ([0, 0.2, 0.4] if meets else [0.2, 0.4])


def test_without_plain_training_there_is_nothing_to_begin_with():
    methods = {name: method for name, method in METHODS.items() if name != "plain"}
    assert whole_of(recipe(methods=methods), summary()) == {}
