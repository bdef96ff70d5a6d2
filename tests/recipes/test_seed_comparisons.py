"""Metrics with one value for all users are tested over seeds, by what scipy says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from recval.ranking import holm
from recval.recipes.summary import seed_comparisons, seed_test

SEEDS = {
    "plain": [0.61, 0.64, 0.60, 0.66, 0.63],
    "a": [0.55, 0.60, 0.57, 0.61, 0.58],
    "b": [0.62, 0.63, 0.61, 0.65, 0.64],
}


def methods(by_method, metric="gini@20"):
    return {
        name: {metric: {"by_seed": {str(seed): value for seed, value in enumerate(values)}}}
        for name, values in by_method.items()
    }


def test_the_test_is_scipy_s_paired_t_with_student_s_interval():
    found = seed_comparisons(methods(SEEDS), "gini@20")
    assert list(found) == ["a", "b"]
    expected = {name: stats.ttest_rel(SEEDS[name], SEEDS["plain"]) for name in found}
    adjusted = holm([test.pvalue for test in expected.values()])
    for (name, test), p in zip(found.items(), adjusted, strict=True):
        interval = expected[name].confidence_interval(0.95)
        assert test["t_p_value"] == pytest.approx(expected[name].pvalue, rel=1e-12)
        assert test["t_p_value_holm"] == pytest.approx(p, rel=1e-12)
        assert (test["ci_low"], test["ci_high"]) == pytest.approx((interval.low, interval.high), rel=1e-9)
        assert test["difference"] == pytest.approx(np.mean(SEEDS[name]) - np.mean(SEEDS["plain"]))
        assert test["seeds"] == 5
        assert "users" not in test


def test_what_is_equal_in_every_seed_does_not_differ():
    test = seed_comparisons(methods({"plain": SEEDS["plain"], "uniform": SEEDS["plain"]}), "gini@20")["uniform"]
    assert (test["difference"], test["t_p_value"], test["ci_low"], test["ci_high"]) == (0, 1, 0, 0)


@pytest.mark.parametrize(
    "by_method", [{"plain": [0.6], "a": [0.5]}, {"plain": SEEDS["plain"]}], ids=["one seed", "one method"]
)
def test_nothing_is_tested_where_there_is_nothing_to_pair(by_method):
    assert seed_comparisons(methods(by_method), "gini@20") == {}


def test_a_method_without_the_metric_is_left_out():
    found = methods(SEEDS) | {"b": {}}
    assert list(seed_comparisons(found, "gini@20")) == ["a"]
    assert seed_comparisons(found | {"plain": {}}, "gini@20") == {}


def test_two_seeds_are_enough():
    test = seed_test([0.5, 0.7], [0.4, 0.8])
    assert test.t_p_value == pytest.approx(stats.ttest_rel([0.5, 0.7], [0.4, 0.8]).pvalue)
