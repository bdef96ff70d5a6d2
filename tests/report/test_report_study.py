"""The page of a study: its sentences say what was found, whichever way it came out, and its figures show just that."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from report_samples import METHODS, Page, recipe, removal, spread, summary, write_run

from recval.report import write_report
from recval.report.curves import ADDITION, REMOVAL, curve_points
from recval.report.figures import share_curve
from recval.report.sentences import placebo_verdict, verdicts
from recval.report.study_figures import agreement_map, quality_against_costs, target_scatter
from recval.report.study_sentences import (
    area_sentences,
    detection_sentences,
    stability_sentences,
    target_sentences,
)
from recval.report.tables import MetricTable

NAN = float("nan")


def detection(p=0.01, difference=0.05):
    rows = [
        ("natural", "free", "EASE", 0.18, 0.64, NAN, NAN),
        ("natural", "free", "random", 0.18, 0.5, NAN, NAN),
        ("natural", "MF", "loss", 0.18, 0.6, NAN, NAN),
        ("natural", "MF", "DVR", 0.18, 0.66, difference, p),
    ]
    return pd.DataFrame(rows, columns=["noise", "backbone", "method", "share", "auroc", "difference", "p_value_holm"])


@pytest.mark.parametrize(
    ("found", "count"), [((0.01, 0.05), "1 of 1"), ((0.2, 0.05), "0 of 1"), ((0.01, -0.05), "0 of 1")]
)
def test_detection_counts_what_is_above_the_loss(found, count):
    (said,) = detection_sentences(detection(*found))
    assert said.startswith(
        "Noise 'natural' (18.0 % of the training interactions): the best of 2 valuations is DVR on MF"
    )
    assert "AUROC of 0.6600; of what comes for free the best is EASE, 0.6400" in said
    assert "picked by the labels themselves, which flatters it" in said
    assert f"{count} are significantly above the loss" in said


def test_detection_without_valuations_or_labels():
    (said,) = detection_sentences(detection().iloc[:2])
    assert "the best is EASE" in said
    assert "valuation" not in said
    (said,) = detection_sentences(detection().iloc[:0])
    assert "could not be measured" in said


def targets(moved=True, placebo_p=1.0):
    rows = [
        ("clean", "MF", "DVR", "dvr", "gini@20", True, -0.05, -0.1, 0.1, 0.01 if moved else 0.4, "seeds", 5, moved),
        ("clean", "MF", "DVR", "dvr", "ndcg@10", False, -0.01, -0.03, -0.03, 0.02, "users", 900, False),
        ("clean", "MF", "shuffled", "shuffled", "ndcg@10", False, -0.004, -0.01, -0.01, placebo_p, "users", 900, False),
    ]
    names = ["noise", "backbone", "method", "kind", "metric", "is_target", "difference", "relative", "gain"]
    frame = pd.DataFrame(rows, columns=[*names, "p_value_holm", "over", "n", "moved"])
    return frame.assign(
        ci_low=frame["difference"] - 0.01, ci_high=frame["difference"] + 0.01, placebo_difference=NAN, placebo_p=NAN
    )


def test_targets_that_moved_and_that_did_not():
    said, placebo = target_sentences(targets(placebo_p=0.001))
    assert "1 of 1 targets are significantly better" in said
    assert "DVR moves gini@20 by −0.0500, 95 % interval [−0.0600, −0.0400], p = 0.01 over 5 seeds. Not so: none" in said
    assert "moved by a placebo: shuffled: ndcg@10 −0.0040 (p = 0.001)" in placebo
    said, placebo = target_sentences(targets(moved=False))
    assert "0 of 1 targets" in said
    assert "Not so: DVR: gini@20 −0.0500, a gain of +10.0 % (p = 0.4 over 5 seeds)" in said
    assert placebo.endswith("nothing.")


def test_targets_say_what_their_p_is_adjusted_for():
    said, _ = target_sentences(targets())
    assert "(p adjusted within each metric, not over the targets)" in said


def test_a_method_is_told_apart_from_its_placebo_or_not():
    frame = targets()
    frame.loc[frame["method"] == "DVR", ["placebo_difference", "placebo_p"]] = [[-0.045, 0.01], [-0.006, 0.3]]
    *_, said = target_sentences(frame)
    assert said == (
        "MF, clean: DVR differs significantly from its own weights given to the wrong samples in: "
        "gini@20 −0.0450 (p = 0.01). Not so: ndcg@10 −0.0060 (p = 0.3)."
    )
    frame["placebo_p"] = frame["placebo_p"] + 0.5
    *_, said = target_sentences(frame)
    assert "in: none. Not so: gini@20 −0.0450 (p = 0.51); ndcg@10" in said


def test_areas_tell_the_adjusted_p_where_there_is_one():
    keys = {"noise": "n", "backbone": "MF", "method": "DVR", "curve": "removal", "metric": "ndcg@10", "seeds": 2}
    rows = [("lowest", 0.02, 0.01, 0.02), ("highest", -0.03, NAN, NAN), ("random", NAN, NAN, NAN)]
    frame = pd.DataFrame(rows, columns=["order", "difference", "p_value", "p_value_holm"]).assign(**keys)
    (said,) = area_sentences(frame)
    assert said.endswith("by: lowest dropped +0.0200 (p = 0.02); highest dropped −0.0300.")


def test_stability_names_the_extremes():
    rows = [("n", "a", "seeds", "MF", 0.2), ("n", "b", "seeds", "MF", 0.9), ("n", "c", "seeds", "MF", NAN)]
    frame = pd.DataFrame(rows, columns=["noise", "method", "across", "between", "correlation"])
    (said,) = stability_sentences(frame)
    assert "from +0.20 (a, MF) to +0.90 (b, MF)" in said


def test_the_scatter_sets_the_gain_in_the_target_over_that_in_accuracy():
    figure = target_scatter(targets(), "ndcg@10")
    (points,) = figure.data
    assert (list(points.x), list(points.y), list(points.text)) == ([-0.03], [0.1], ["DVR: gini@20"])


def test_names_are_no_markup_in_figures():
    frame = targets().replace({"method": {"DVR": "<b>DVR</b>"}})
    assert target_scatter(frame, "ndcg@10").data[0].text == ("&lt;b&gt;DVR&lt;/b&gt;: gini@20",)


def test_the_map_has_a_row_a_method_and_a_gap_where_nothing_is_known():
    rows = [("a", "seeds", "MF", 0.5), ("b", "seeds", "MF", NAN), ("a", "backbones", "MF, GCN", -0.25)]
    (found,) = agreement_map(pd.DataFrame(rows, columns=["method", "across", "between", "correlation"])).data
    assert (list(found.x), list(found.y)) == (["seeds of MF", "MF, GCN"], ["a", "b"])
    np.testing.assert_array_equal(np.array(found.z, float), [[0.5, -0.25], [NAN, NAN]])
    assert [list(row) for row in found.text] == [["+0.50", "-0.25"], ["", ""]]


def test_quality_stands_over_cost_where_both_are_known():
    cost = pd.DataFrame(
        [("natural", "MF", "plain", 1.0), ("natural", "MF", "loss", NAN), ("natural", "MF", "DVR", 2.5)],
        columns=["noise", "backbone", "method", "relative"],
    )
    (found,) = quality_against_costs({"detection_summary": detection(), "cost": cost})
    (points,) = found["figure"].data
    assert (found["name"], points.text, points.x, points.y) == ("MF, natural", ("DVR",), (2.5,), (0.66,))
    assert quality_against_costs({"detection_summary": detection().iloc[:0], "cost": cost}) == []
    assert quality_against_costs({"cost": cost}) == []


def with_gini(found):
    """Add a metric with one value for all users, lower by 0.05 with each of two seeds."""
    for method, values in (("plain", (0.6, 0.7)), ("placebo", (0.6, 0.7)), ("DVR", (0.55, 0.64))):
        found["methods"][method]["gini@20"] = spread(*values)
    found["references"]["EASE"]["gini@20"] = 0.5
    test = {"relative": -0.08, "ci_low": -0.12, "ci_high": 0.01, "t_p_value": 0.02}
    found["seed_comparisons"] = {
        "gini@20": {
            "placebo": {**test, "difference": 0.0, "t_p_value_holm": 1.0, "seeds": 2},
            "DVR": {**test, "difference": -0.055, "t_p_value_holm": 0.04, "seeds": 2},
        }
    }
    return found


def test_a_test_over_seeds_says_so_in_table_and_sentence():
    found = with_gini(summary())
    score = MetricTable.of(found).methods[2].scores[1]
    assert (score.difference, score.p, score.found) == ("−0.0550", "0.04 (2 seeds)", True)
    said = verdicts(found, METHODS)
    assert len(said) == 2
    assert "DVR lowers gini@20 (less is better) below plain by 0.0550" in said[1]
    assert "p = 0.04 over 2 seeds; it is lower with 2 of 2 seeds" in said[1]
    assert "in any metric" in placebo_verdict(found, METHODS)


def test_the_page_explains_the_test_over_seeds_and_shows_both_curves(tmp_path):
    asked = recipe(removal={"method": "DVR", "fractions": [0.2], "keep": [0.6]})
    run = write_run(tmp_path, with_gini(summary()), asked, removal=with_metric(removal(), "gini@20"))
    write_report(run)
    words = Page(run.report_path.read_text()).words
    assert "gini@20 : one value for all users" in words or "gini@20: one value for all users" in words
    assert "Removal and addition" in words
    assert "With 20 % dropped, ndcg@10 is 0.2900 (lowest)" in words
    assert "With 60 % kept alone, ndcg@10 is 0.2800 (highest), 0.1000 (lowest), 0.2200 (random)." in words


def with_metric(table, name):
    import pyarrow as pa

    return table.append_column(name, pa.array([0.5] * len(table)))


def test_the_addition_curve_is_the_removal_curve_read_from_the_other_end():
    rows, asked = removal().to_pandas(), {"fractions": (0.2, 0.4), "keep": (0.6, 0.8)}
    dropped, kept = (
        share_curve(curve_points(rows, asked, curve), "ndcg@10", {"0": 0.3}, curve) for curve in (REMOVAL, ADDITION)
    )
    assert [line.name for line in kept.data] == ["highest kept", "lowest kept", "random kept"]
    for first, second in zip(dropped.data, kept.data, strict=True):
        np.testing.assert_allclose(np.array(second.x), 1 - np.array(first.x)[::-1])
        np.testing.assert_array_equal(second.y, np.array(first.y)[::-1])
        assert first.line.color == second.line.color
