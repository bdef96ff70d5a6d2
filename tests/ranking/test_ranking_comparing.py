from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import recval
from recval.errors import ConfigError, DataError
from recval.ranking import Evaluation, Predictions, evaluate_predictions, holm, paired_test
from recval.ranking.comparing import compare
from recval.ranking.rank_tests import critical_difference, friedman
from recval.ranking.significance import detectable_difference

USERS = [f"u{number}" for number in range(40)]


def table(values, metric="ndcg@10", users=None, seeds=None):
    """A table of one metric; values of the shape [users], or [seeds, users]."""
    values = np.atleast_2d(values)
    users = USERS[: values.shape[1]] if users is None else users
    frames = [
        pd.DataFrame({"user": users, "seed": seed, metric: row})
        for seed, row in zip(seeds or range(len(values)), values, strict=True)
    ]
    return pd.concat(frames, ignore_index=True)


def only(tests, system, other, metric="ndcg@10"):
    (row,) = tests[(tests["system"] == system) & (tests["other"] == other) & (tests["metric"] == metric)].to_dict(
        "records"
    )
    return row


@pytest.fixture
def three():
    rng = np.random.default_rng(0)
    base = rng.random(40)
    return {
        name: (base + gain + rng.normal(0, 0.3, (3, 40))).round(2)
        for name, gain in zip("abc", (0, 0.1, 0.4), strict=True)
    }


def test_each_pair_is_the_paired_test_of_the_means_over_seeds(three):
    found = compare({name: table(values) for name, values in three.items()}, rng=4)
    assert list(zip(found.tests["system"], found.tests["other"], strict=True)) == [("b", "a"), ("c", "a"), ("c", "b")]
    for row in found.tests.to_dict("records"):
        ours, theirs = (three[row[side]].mean(axis=0) for side in ("system", "other"))
        expected = paired_test(ours, theirs, rng=4)
        order = np.argsort(USERS)  # The draws go by the order of the ids.
        drawn = paired_test(ours[order], theirs[order], rng=4)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx((drawn.ci_low, drawn.ci_high))
        for name in ("difference", "effect_size", "t_p_value", "wilcoxon_p_value"):
            assert row[name] == pytest.approx(getattr(expected, name)), name
        assert row["relative"] == pytest.approx(expected.difference / theirs.mean())
        assert row["detectable"] == pytest.approx(float(detectable_difference(expected.deviation, 40, tests=3)))
        assert row["higher_seeds"] == np.mean(np.greater.outer(*(three[row[s]].mean(1) for s in ("system", "other"))))
    for name in ("t_p_value", "wilcoxon_p_value"):
        np.testing.assert_array_equal(found.tests[f"{name}_holm"], holm(found.tests[name]))


def test_means_and_ranks(three):
    found = compare({name: table(values) for name, values in three.items()})
    expected = friedman(np.column_stack([values.mean(axis=0) for values in three.values()]))
    np.testing.assert_allclose(found.means["average_rank"], expected.average_ranks)
    for row in found.means.to_dict("records"):
        by_seed = three[row["system"]].mean(axis=1)
        assert (row["mean"], row["sd"], row["seeds"]) == pytest.approx((by_seed.mean(), by_seed.std(ddof=1), 3))
    ranks = found.ranks.loc["ndcg@10"]
    assert (ranks["statistic"], ranks["p_value"]) == pytest.approx((expected.statistic, expected.p_value))
    assert ranks["critical_difference"] == critical_difference(3, 40)
    assert list(found.by_rank("ndcg@10").index) == ["c", "b", "a"]
    assert found.groups("ndcg@10") == [("b", "a")]
    assert found.systems["left_out"].tolist() == [0, 0, 0]
    assert (found.baseline, found.notes) == (None, ())


def test_holms_family_is_all_pairs_on_all_metrics(three):
    tables = {
        name: table(values).assign(**{"recall@5": np.random.default_rng(ord(name)).random(120)})
        for name, values in three.items()
    }
    found = compare(tables)
    assert found.metrics == ["ndcg@10", "recall@5"]
    assert len(found.tests) == 6
    np.testing.assert_array_equal(found.tests["t_p_value_holm"], holm(found.tests["t_p_value"]))
    alone = compare(tables, metrics=["ndcg@10"])
    unchanged = ["difference", "ci_low", "ci_high", "t_p_value", "wilcoxon_p_value", "effect_size"]
    pd.testing.assert_frame_equal(alone.tests[unchanged], found.tests[unchanged].iloc[:3])
    assert alone.tests["t_p_value_holm"].max() < found.tests["t_p_value_holm"][:3].max()


def test_against_a_baseline_only_its_pairs_are_tested(three):
    tables = {name: table(values) for name, values in three.items()}
    found, whole = compare(tables, baseline="b"), compare(tables)
    assert list(zip(found.tests["system"], found.tests["other"], strict=True)) == [("a", "b"), ("c", "b")]
    assert only(found.tests, "a", "b")["difference"] == pytest.approx(-only(whole.tests, "b", "a")["difference"])
    np.testing.assert_array_equal(found.tests["t_p_value_holm"], holm(found.tests["t_p_value"]))
    assert found.ranks.loc["ndcg@10", "critical_difference"] == critical_difference(3, 40, to_baseline=True)
    assert found.baseline == "b"
    assert ("a", "c") not in found.groups("ndcg@10") + found.groups("ndcg@10", "nemenyi")


def test_groups_by_the_critical_difference():
    rng = np.random.default_rng(3)
    base = rng.random(40)
    tables = {
        name: table(base + rng.normal(gain, 0.5, 40)) for name, gain in zip("abcd", (0, 0.2, 0.5, 2), strict=True)
    }
    found = compare(tables)
    ranks, distance = found.by_rank("ndcg@10"), found.ranks.loc["ndcg@10", "critical_difference"]
    for group in found.groups("ndcg@10", "nemenyi"):
        assert ranks[list(group)].is_monotonic_increasing
        assert np.ptp(ranks[list(group)]) < distance
    joined = {pair for group in found.groups("ndcg@10", "nemenyi") for pair in pairwise(group)}
    apart = [pair for pair in pairwise(ranks.index) if pair not in joined]
    assert apart
    assert all(ranks[b] - ranks[a] >= distance for a, b in apart)


def test_the_order_of_systems_users_and_seeds_does_not_matter(three):
    rng = np.random.default_rng(7)
    tables = {name: table(values) for name, values in three.items()}
    found = compare(tables)
    turned = compare({name: tables[name].sample(frac=1, random_state=rng) for name in "cab"})
    for row in found.tests.to_dict("records"):
        pair = {row["system"], row["other"]}
        (same,) = (other for other in turned.tests.to_dict("records") if {other["system"], other["other"]} == pair)
        sign = 1 if same["system"] == row["system"] else -1
        ends = sorted([sign * same["ci_low"], sign * same["ci_high"]])
        assert ends == pytest.approx([row["ci_low"], row["ci_high"]])
        assert sign * same["difference"] == pytest.approx(row["difference"])
        for name in ("t_p_value_holm", "wilcoxon_p_value_holm", "detectable"):
            assert same[name] == pytest.approx(row[name])
    assert turned.groups("ndcg@10") == found.groups("ndcg@10")
    pd.testing.assert_series_equal(turned.by_rank("ndcg@10"), found.by_rank("ndcg@10"))


def test_equal_systems_are_told_apart_no_more_often_than_the_level():
    rng, wrong = np.random.default_rng(11), np.zeros(3)
    for _ in range(100):
        chance = rng.beta(0.4, 1.6, 60)
        found = compare(
            {name: table(rng.binomial(4, chance, (2, 60)) / 4, users=range(60)) for name in "abcd"}, resamples=2
        )
        p_values = found.tests["t_p_value_holm"], found.tests["wilcoxon_p_value_holm"], found.ranks["p_value"]
        wrong += [(p < 0.05).any() for p in p_values]
    # 100 repeats at 0.05 give more than 10 in one of 90 cases, and none in one of 170.
    assert (wrong <= 10).all(), wrong
    assert wrong[2] >= 1


def test_more_seeds_do_not_make_a_system_rank_better():
    rng, wrong, misled = np.random.default_rng(2), np.zeros(3), 0
    for _ in range(60):
        chance = rng.beta(0.4, 1.6, 200)
        several, one = ((rng.random((seeds, 200)) < chance).astype(float) for seeds in (5, 1))
        tables = {"several": table(several, users=range(200)), "one": table(one, users=range(200))}
        found = compare(tables, resamples=2)
        p_values = found.tests["t_p_value"], found.tests["wilcoxon_p_value"], found.ranks["p_value"]
        wrong += [(p < 0.05).any() for p in p_values]
        misled += friedman(np.column_stack([several.mean(axis=0), one[0]])).p_value < 0.05
    assert (wrong <= 8).all(), wrong
    assert misled > 30, "ranks of means over different numbers of seeds mislead, or this test shows nothing"
    assert found.notes == ("the systems have 1 to 5 seeds; ranks are taken of as many of each, the first ones",)


def test_a_pair_does_not_depend_on_the_other_systems(three):
    tables = {name: table(values) for name, values in three.items()}
    both = compare({name: tables[name] for name in "ab"})
    found = compare({**tables, "c": table(three["c"][0])})
    given = [name for name in found.tests if not name.endswith("_holm") and name != "detectable"]
    assert only(found.tests[given], "b", "a") == only(both.tests[given], "b", "a")
    first = stats.wilcoxon(three["c"][0], three["b"][0]).pvalue
    assert only(found.tests, "c", "b")["wilcoxon_p_value"] == pytest.approx(first)
    ranks = friedman(np.column_stack([three[name][0] for name in "abc"])).average_ranks
    np.testing.assert_allclose(found.means["average_rank"], ranks)


def test_a_planted_difference_is_found_and_only_that():
    rng = np.random.default_rng(1)
    base = rng.random(400)
    gains = {"a": 0.0, "b": 0.0, "c": 0.05}
    tables = {name: table(base + gain + rng.normal(0, 0.1, 400), users=range(400)) for name, gain in gains.items()}
    found = compare(tables)
    p = {(row["system"], row["other"]): row["t_p_value_holm"] for row in found.tests.to_dict("records")}
    assert p["c", "a"] < 1e-6
    assert p["c", "b"] < 1e-6
    assert p["b", "a"] > 0.05
    assert found.groups("ndcg@10") == [("b", "a")] or found.groups("ndcg@10") == [("a", "b")]
    assert only(found.tests, "c", "a")["detectable"] < 0.05 < only(found.tests, "c", "a")["ci_high"]


def test_users_without_a_value_are_left_out_of_that_metric_alone():
    rng = np.random.default_rng(6)
    a, b = rng.random((2, 40))
    holes = b.copy()
    holes[[3, 9]] = np.nan
    tables = {"a": table(a).assign(gauc=a), "b": table(b).assign(gauc=holes)}
    found = compare(tables)
    assert found.ranks["users"].to_dict() == {"ndcg@10": 40, "gauc": 38}
    kept = ~np.isnan(holes)
    assert only(found.tests, "b", "a", "gauc")["difference"] == pytest.approx((holes - a)[kept].mean())
    assert only(found.tests, "b", "a")["difference"] == pytest.approx((b - a).mean())
    assert found.notes == ("gauc is not defined for 2 users in all systems",)


def test_only_shared_users_and_metrics_are_compared():
    rng = np.random.default_rng(6)
    a, b = rng.random((2, 40))
    found = compare({"a": table(a).assign(hit=a), "b": table(b[5:], users=USERS[5:])})
    assert found.metrics == ["ndcg@10"]
    assert only(found.tests, "b", "a")["difference"] == pytest.approx((b - a)[5:].mean())
    assert found.systems["left_out"].to_dict() == {"a": 5, "b": 0}
    assert found.notes == (
        "5 of the 40 users of a are not in all systems",
        "not compared, because not all systems have it: hit",
    )


def test_ids_of_numbers_and_of_text_meet():
    a, b = np.random.default_rng(0).random((2, 12))
    numbers, texts = table(a, users=range(12)), table(b[::-1], users=[str(user) for user in range(11, -1, -1)])
    found = compare({"a": numbers, "b": texts})
    assert only(found.tests, "b", "a")["t_p_value"] == pytest.approx(stats.ttest_rel(b, a).pvalue)


@pytest.mark.parametrize(
    ("metric", "lower", "best"),
    [("ndcg@10", (), "high"), ("logloss", (), "low"), ("cost", ("cost",), "low"), ("cost", (), "high")],
)
def test_lower_may_be_better(metric, lower, best):
    low, high = np.arange(20) / 50, np.arange(20) / 50 + 0.3
    tables = {name: table(values, metric) for name, values in (("high", high), ("low", low))}
    found = compare(tables, lower_is_better=lower)
    assert found.by_rank(metric).index[0] == best
    assert found.ranks.loc[metric, "lower_is_better"] == (best == "low")
    assert only(found.tests, "low", "high", metric)["difference"] == pytest.approx(-0.3)


def test_results_and_evaluations_are_systems():
    a, b = np.random.default_rng(0).random((2, 12))
    frames = [pd.DataFrame({"ndcg@10": part}, index=pd.RangeIndex(12, name="user")) for part in (a, b)]
    evaluations = {name: Evaluation(frame, {}) for name, frame in zip("ab", frames, strict=True)}
    found = recval.compare(evaluations)
    assert only(found.tests, "b", "a")["difference"] == pytest.approx((b - a).mean())
    with pytest.raises(DataError, match="the users of a are codes, those of other systems their own ids"):
        compare({"a": evaluations["a"], "b": table(b)})


def test_evaluated_predictions_are_a_system_of_the_users_own_ids():
    frame = pd.DataFrame({"user": ["y", "x", "z"], "item": 1, "rating": 3.0, "prediction": [2.0, 5.0, 3.0]})
    ours = evaluate_predictions(Predictions.from_frame(frame), ["mae"])
    theirs = pd.DataFrame({"user": ["x", "y", "z"], "mae": [1.0, 1.0, 1.0]})
    found = compare({"ours": ours, "theirs": theirs})
    assert found.means.set_index("system")["mean"].to_dict() == {"ours": 1.0, "theirs": 1.0}
    assert found.systems["users"].tolist() == [3, 3]
    codes = Evaluation(pd.DataFrame({"mae": [1.0] * 3}, index=pd.RangeIndex(3, name="user")), {})
    with pytest.raises(DataError, match="the users of codes are codes"):
        compare({"ours": ours, "codes": codes})


def test_two_users_suffice_and_one_does_not():
    found = compare({"a": table([0.1, 0.2]), "b": table([0.3, 0.2])})
    assert found.tests["users"].tolist() == [2]
    with pytest.raises(DataError, match="a, b have 1 users in common; a paired test needs at least two"):
        compare({"a": table([0.1]), "b": table([0.2])})


@pytest.mark.parametrize(
    ("systems", "arguments", "error", "message"),
    [
        ({"a": table([1, 2.0])}, {}, ConfigError, "at least two systems, got 1"),
        ({"a": table([1, 2.0]), "b": table([1, 2.0], "hit")}, {}, DataError, "in common: a has ndcg@10; b has hit"),
        ({"a": table([1, 2.0]), "b": table([1, 2.0])}, {"metrics": ["ndgc@10"]}, ConfigError, "did you mean 'ndcg@10'"),
        ({"a": table([1, 2.0]), "b": table([1, 2.0])}, {"baseline": "c"}, ConfigError, "unknown baseline 'c'"),
        ({"a": table([1, 2.0]), "b": table([1, 2.0])}, {"level": 1.0}, ConfigError, "between 0 and 1, got 1"),
        ({"a": table([1, 2.0]), "b": table([1, 2.0])}, {"metrics": []}, ConfigError, "no metric is named"),
        ({"a": table([1, 2.0]), "b": table([1, 2.0])}, {"resamples": 0}, ConfigError, "at least 1, got 0"),
        ({"a": table([1, 2.0]), "b": table([1, np.inf])}, {}, DataError, "ndcg@10: a value is infinite"),
        ({"a": table([1, 2.0]), "b": table([1, np.nan])}, {}, DataError, "defined in all systems for 1 users"),
    ],
)
def test_what_cannot_be_compared_is_refused(systems, arguments, error, message):
    with pytest.raises(error, match=message):
        compare(systems, **arguments)


def test_comparing_loads_no_torch():
    code = "import sys, recval; recval.compare; print(sorted({'torch', 'recbole', 'plotly'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
