import pandas as pd
import pytest
from report_samples import METHODS, removal, summary

from recval.report.sentences import placebo_verdict, removal_fact, verdicts


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


def test_equal_everywhere():
    (sentence,) = verdicts(summary(dvr=(0.0, 1.0), seeds=((0.3, 0.3), (0.3, 0.3))), METHODS)
    assert "the difference is 0.0000" in sentence
    assert sentence.endswith("it is higher with 0 of 2 seeds.")


def test_one_seed_is_said_to_be_one():
    (sentence,) = verdicts(summary(seeds=((0.29,), (0.30,))), METHODS)
    assert sentence.endswith("only one seed was trained, so other seeds may differ.")


def test_no_relative_difference_from_a_baseline_of_zero():
    found = summary()
    found["comparisons"]["ndcg@10"]["DVR"]["relative"] = None
    assert "by 0.0103, 95 %" in verdicts(found, METHODS)[0]


def test_without_dvr_the_other_methods_are_judged_but_not_placebos():
    (sentence,) = verdicts(summary(), {"plain": "plain", "placebo": "uniform", "DVR": "t-ce"})
    assert sentence.startswith("DVR raises")


def test_nothing_to_compare():
    found = summary()
    found["methods"] = {"plain": found["methods"]["plain"]}
    assert verdicts(found, {"plain": "plain"}) == ["There is no method to compare with plain."]
    assert placebo_verdict(found, {"plain": "plain"}).startswith("The recipe has no placebo")


def test_placebos():
    still = placebo_verdict(summary(placebo=(0.004, 0.3)), METHODS)
    assert still == "No placebo (placebo) differs significantly from plain in any metric."
    moved = placebo_verdict(summary(placebo=(-0.004, 0.003)), METHODS)
    assert moved.startswith("Placebos moved too: placebo lowers ndcg@10 by 0.0040 (p = 0.003).")
    assert "raises ndcg@10 by 0.0040 (p < 0.0001)" in placebo_verdict(summary(placebo=(0.004, 0.0)), METHODS)


def test_removal_fact_is_of_the_largest_share_and_the_mean_over_seeds():
    rows = removal().to_pandas()
    more = pd.concat([rows, rows.assign(seed=2, **{"ndcg@10": rows["ndcg@10"] + 0.02})])
    assert removal_fact(rows, "ndcg@10") == (
        "With 40 % dropped, ndcg@10 is 0.2800 (lowest), 0.1000 (highest), 0.2200 (random)."
    )
    assert "0.2900 (lowest), 0.1100 (highest), 0.2300 (random)" in removal_fact(more, "ndcg@10")
