import pandas as pd
import pytest
from report_samples import METHODS, comparison, removal, spread, summary

from recval.report.curves import REMOVAL
from recval.report.sentences import curve_fact, listed, placebo_verdict, verdicts


def test_higher():
    assert verdicts(summary(dvr=(0.0103, 1e-9)), METHODS) == [
        "DVR raises ndcg@10 over plain by 0.0103 (+3.5 %), 95 % interval [0.0073, 0.0133], "
        "Holm-adjusted p < 0.0001 over 943 users; it is higher with 2 of 2 seeds."
    ]


def test_lower_although_not_with_each_seed():
    found = summary(dvr=(-0.0051, 0.02), seeds=((0.30, 0.30), (0.26, 0.33)))
    found["comparisons"]["ndcg@10"]["DVR"]["relative"] = -0.017
    assert verdicts(found, METHODS) == [
        "DVR lowers ndcg@10 below plain by 0.0051 (−1.7 %), 95 % interval [−0.0081, −0.0021], "
        "Holm-adjusted p = 0.02 over 943 users; it is lower with 1 of 2 seeds."
    ]


@pytest.mark.parametrize("p", [0.05, 0.6, 1.0])
def test_not_significant(p):
    (sentence,) = verdicts(summary(dvr=(0.001, p)), METHODS)
    assert sentence.startswith(
        "DVR does not differ significantly from plain in ndcg@10: the difference is +0.0010 (+3.5 %), "
    )
    assert "raises" not in sentence
    assert "lowers" not in sentence


def test_equal_in_one_metric():
    found = summary(dvr=(0.0, 1.0), seeds=((0.3, 0.3), (0.3, 0.3)))
    found["methods"]["DVR"]["recall@10"] = found["methods"]["plain"]["ndcg@10"]
    (sentence,) = verdicts(found, METHODS)
    assert "the difference is 0.0000" in sentence
    assert sentence.endswith("it is higher with 0 of 2 seeds.")


def test_equal_everywhere():
    """As a method that only looks on is."""
    found = summary(dvr=(0.0, 1.0), seeds=((0.3, 0.3), (0.3, 0.3)))
    assert verdicts(found, METHODS) == ["DVR has exactly the metrics of plain, with every seed."]


def test_one_seed_is_said_to_be_one():
    (sentence,) = verdicts(summary(seeds=((0.29,), (0.30,))), METHODS)
    assert sentence.endswith("only one seed was trained, so other seeds may differ.")


def test_no_relative_difference_from_a_baseline_of_zero():
    found = summary()
    found["comparisons"]["ndcg@10"]["DVR"]["relative"] = None
    assert "by 0.0103, 95 %" in verdicts(found, METHODS)[0]


def several(metric="ndcg@10", **found):
    """The summary and the methods of a run of several, given the difference and the p-value of each."""
    whole = summary(metric=metric)
    for name in ("placebo", "DVR"):
        del whole["methods"][name], whole["comparisons"][metric][name]
    for name, (difference, p) in found.items():
        whole["methods"][name] = {metric: spread(0.3 + difference, 0.31 + difference)}
        whole["comparisons"][metric][name] = comparison(difference, p)
    return whole


def test_all_methods_are_judged_but_not_placebos():
    (sentence,) = verdicts(summary(), {**METHODS, "DVR": {"kind": "t-ce"}})
    assert sentence.startswith("DVR raises")
    found = several(A=(0.01, 1e-9), B=(-0.004, 0.3), C=(-0.02, 1e-3), D=(0.001, 0.9), E=(0.002, 1.0))
    kinds = {"A": "dvr", "B": "til", "C": "dvr", "D": "r-ce", "E": "balanced"}
    methods = {"plain": {"kind": "plain"}} | {name: {"kind": kind} for name, kind in kinds.items()}
    first, second, rest = verdicts(found, methods)
    assert first.startswith("A raises ndcg@10 over plain by 0.0100")
    assert second.startswith("C lowers ndcg@10 below plain by 0.0200")
    assert rest == (
        "B, D and E do not differ significantly from plain in ndcg@10: "
        "B −0.0040 (+3.5 %); D +0.0010 (+3.5 %); E +0.0020 (+3.5 %)."
    )


@pytest.mark.parametrize(
    "reward", ["gini@20", "soft-gini@20", {"soft-recall@10": 1.0, "soft-gini@20": 0.5}, {"gini@20": 1.0}]
)
def test_a_sentence_says_what_a_method_aims_at_and_where_less_is_better(reward):
    methods = {
        "plain": {"kind": "plain"},
        "even": {"kind": "dvr", "reward": reward},
        "exact": {"kind": "dvr", "reward": "bpr"},
        "other": {"kind": "bod", "reward": "soft-ndcg@20"},
    }
    found = several("gini@20", even=(-0.02, 1e-9), exact=(0.03, 1e-9))
    even, exact = verdicts(found, methods)
    assert even.startswith("even lowers gini@20 (its target, less is better) below plain by 0.0200")
    assert exact.startswith("exact raises gini@20 (less is better) over plain by 0.0300")
    (both,) = verdicts(several("gini@20", even=(-0.02, 0.3), other=(0.03, 0.4)), methods)
    assert both == (
        "even and other do not differ significantly from plain in gini@20 (less is better): "
        "even (its target) −0.0200 (+3.5 %); other +0.0300 (+3.5 %)."
    )


def test_a_metric_of_a_plug_in_that_is_gone_is_told_without_its_direction():
    (sentence,) = verdicts(several("nowhere-to-be-found@5", DVR2=(0.02, 0.001)), {**METHODS, "DVR2": {"kind": "dvr"}})
    assert sentence.startswith("DVR2 raises nowhere-to-be-found@5 over plain")


def test_nothing_to_compare():
    found = summary()
    found["methods"] = {"plain": found["methods"]["plain"]}
    assert verdicts(found, METHODS) == ["There is no method to compare with plain."]
    assert placebo_verdict(found, METHODS).startswith("The recipe has no placebo")


def test_placebos():
    still = placebo_verdict(summary(placebo=(0.004, 0.3)), METHODS)
    assert still == "No placebo (placebo) differs significantly from plain in any metric."
    moved = placebo_verdict(summary(placebo=(-0.004, 0.003)), METHODS)
    assert moved.startswith("Placebos moved too: placebo lowers ndcg@10 by 0.0040 (p = 0.003).")
    assert "raises ndcg@10 by 0.0040 (p < 0.0001)" in placebo_verdict(summary(placebo=(0.004, 0.0)), METHODS)


def test_removal_fact_is_of_the_largest_share_and_the_mean_over_seeds():
    rows = removal().to_pandas().rename(columns={"fraction": "share"})
    more = pd.concat([rows, rows.assign(seed=2, **{"ndcg@10": rows["ndcg@10"] + 0.02})])
    assert curve_fact(rows, "ndcg@10", REMOVAL) == (
        "With 40 % dropped, ndcg@10 is 0.2800 (lowest), 0.1000 (highest), 0.2200 (random)."
    )
    assert "0.2900 (lowest), 0.1100 (highest), 0.2300 (random)" in curve_fact(more, "ndcg@10", REMOVAL)


@pytest.mark.parametrize(("weigh", "said"), [(True, "ndcg@10 (its target)"), (False, "in ndcg@10:")])
def test_a_method_that_only_looks_on_has_no_target(weigh, said):
    methods = {**METHODS, "DVR": {"kind": "in-run", "reward": "soft-ndcg@10", "weigh": weigh}}
    (sentence,) = verdicts(summary(dvr=(0.001, 0.5)), methods)
    assert said in sentence


def test_names_are_listed_as_in_a_sentence():
    assert [listed(list(names)) for names in ("", "A", "AB", "ABC")] == ["", "A", "A and B", "A, B and C"]
