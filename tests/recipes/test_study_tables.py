"""The tables of a study, from the folders of runs with known numbers: nothing is trained."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats

from recval.declarations import validate
from recval.recipes.study import Study
from recval.recipes.study.cost import cost_table
from recval.recipes.study.curves import areas_table, curves_table
from recval.recipes.study.detection import detection_summary
from recval.recipes.study.folder import StudyFolder
from recval.recipes.study.placebos import placebo_tests
from recval.recipes.study.targets import targets_of, targets_table
from recval.recipes.summary import summarise
from recval.recipes.trials import MethodTrial, RemovalTrial
from recval.store.files import write_json, write_table

METRICS = ("ndcg@10", "gini@20")
OTHER = {"model": {"name": "LightGCN"}}
LONGER = {"training": {"epochs": 3}}


def asked(**changes):
    """A study of one run: the first method, DVR and its placebo, with the curves of DVR."""
    base = {
        "data": "ml-100k",
        "backbones": {"MF": {"model": {"name": "BPR"}}},
        "metrics": METRICS,
        "seeds": [0, 1, 2],
        "methods": {
            "plain": {"kind": "plain"},
            "DVR": {"kind": "dvr", "reward": "soft-gini@20"},
            "shuffled": {"kind": "shuffled", "of": "DVR"},
        },
        "removal": {"method": "DVR", "fractions": [0.2, 0.5], "keep": [0.1, 0.5], "seeds": [0, 1]},
    }
    return validate({**base, **changes}, Study)


def holm_by_hand(p_values):
    """Holm's adjustment as it is told: the k-th smallest of m times m - k + 1, never below one before it, at most 1."""
    adjusted, least = {}, 0.0
    for before, name in enumerate(sorted(p_values, key=p_values.get)):
        least = max(least, min(1.0, (len(p_values) - before) * p_values[name]))
        adjusted[name] = least
    return adjusted


# Curves


def height(order, fraction, seed):
    """A number that tells which training it is."""
    return ("lowest", "highest", "random").index(order) + fraction / 10 + seed / 1000


def with_curves(path, study, heights=height):
    """The folder of a study whose plain training has 9 + seed / 1000 of either metric."""
    folder, (cell,) = StudyFolder(path), study.cells()
    run, removal = folder.run_of(cell), cell.recipe.removal
    trials = [
        RemovalTrial(order, fraction, seed)
        for order in ("lowest", "highest", "random")
        for fraction in removal.dropped
        for seed in removal.seeds
    ]
    rows = [
        {
            "order": trial.order,
            "fraction": trial.fraction,
            "seed": trial.seed,
            **dict.fromkeys(METRICS, heights(trial.order, trial.fraction, trial.seed)),
        }
        for trial in trials
    ]
    write_table(run.removal_path, pa.Table.from_pylist(rows))
    spread = {"by_seed": {str(seed): 9 + seed / 1000 for seed in cell.recipe.seeds}}
    write_json(run.metrics_path, {"methods": {name: dict.fromkeys(METRICS, spread) for name in cell.recipe.methods}})
    return curves_table(folder, [cell])


def test_what_is_kept_highest_is_what_is_left_when_the_lowest_are_dropped(tmp_path):
    curves = with_curves(tmp_path, asked())
    found = curves.set_index(["curve", "order", "share", "seed"])["ndcg@10"].to_dict()
    assert len(found) == len(curves) == 2 * 3 * 3 * 2
    for seed in (0, 1):
        for order in ("lowest", "highest", "random"):
            assert found["removal", order, 0.0, seed] == found["addition", order, 1.0, seed] == 9 + seed / 1000
            for share in (0.2, 0.5):
                assert found["removal", order, share, seed] == height(order, share, seed)
        for kept, dropped in (("highest", "lowest"), ("lowest", "highest"), ("random", "random")):
            for share in (0.1, 0.5):
                assert found["addition", kept, share, seed] == pytest.approx(height(dropped, 1 - share, seed))


@pytest.mark.parametrize(
    ("methods", "ends"),
    [
        ({"plain": {"kind": "plain"}, "DVR": {"kind": "dvr"}}, True),
        ({"plain": {"kind": "plain", **OTHER}, "DVR": {"kind": "dvr", **OTHER}}, True),
        ({"plain": {"kind": "plain", **OTHER}, "DVR": {"kind": "dvr"}}, False),
        ({"plain": {"kind": "plain"}, "DVR": {"kind": "dvr", **OTHER}}, False),
        ({"plain": {"kind": "plain"}, "DVR": {"kind": "dvr", **LONGER}}, False),
        ({"other": {"kind": "plain", **OTHER}, "plain": {"kind": "plain"}, "DVR": {"kind": "dvr"}}, True),
        ({"loss": {"kind": "loss"}, "DVR": {"kind": "dvr"}}, False),
    ],
)
def test_a_curve_meets_plain_training_of_its_own_model_only(tmp_path, methods, ends):
    curves = with_curves(tmp_path, asked(methods=methods))
    assert ({0.0, 1.0} <= set(curves["share"])) == ends
    assert set(curves["share"]) - {0.0, 1.0} == {0.1, 0.2, 0.5}


@pytest.mark.parametrize(("seeds", "ends"), [([1, 2], True), ([1, 7], False), ([7], False)])
def test_a_curve_has_its_end_with_every_seed_or_with_none(tmp_path, seeds, ends):
    """So no area is over another range of shares than the one that it is compared with."""
    removal = {"method": "DVR", "fractions": [0.2, 0.5], "seeds": seeds}
    curves = with_curves(tmp_path, asked(removal=removal))
    shares = [0.0, 0.2, 0.5] if ends else [0.2, 0.5]
    assert curves.groupby("seed")["share"].apply(lambda found: sorted(set(found))).to_dict() == dict.fromkeys(
        seeds, shares
    )


def test_areas_are_tested_as_by_scipy_and_adjusted_over_the_orders_of_a_curve(tmp_path):
    noise = np.random.default_rng(0).normal(size=(3, 4, 2))

    def heights(order, fraction, seed):
        place = ("lowest", "highest", "random").index(order)
        return 0.02 * place * seed + noise[place, (0.2, 0.5, 0.9).index(fraction), seed]

    curves = with_curves(tmp_path, asked(), heights)
    areas = areas_table(curves, METRICS)
    assert len(areas) == 2 * 3 * 2
    for (curve, metric), rows in areas.groupby(["curve", "metric"]):
        of_curve = curves[curves["curve"] == curve]
        by_order = {
            order: [
                np.trapezoid(line[metric], line["share"]) / np.ptp(line["share"]) for _, line in points.groupby("seed")
            ]
            for order, points in of_curve.groupby("order")
        }
        p_values = {order: stats.ttest_rel(by_order[order], by_order["random"]).pvalue for order in by_order}
        del p_values["random"]
        found = rows.set_index("order")
        assert found["p_value"].dropna().to_dict() == pytest.approx(p_values)
        assert found["p_value_holm"].dropna().to_dict() == pytest.approx(holm_by_hand(p_values))
        assert found.loc["lowest", "p_value_holm"] != found.loc["lowest", "p_value"] or (
            found.loc["highest", "p_value_holm"] != found.loc["highest", "p_value"]
        )


def test_a_metric_that_is_not_defined_at_some_point_is_not_tested(tmp_path):
    curves = with_curves(tmp_path, asked())
    curves.loc[(curves["order"] == "lowest") & (curves["share"] == 0.2) & (curves["seed"] == 1), "gini@20"] = np.nan
    areas = areas_table(curves, METRICS).set_index(["curve", "order", "metric"])
    assert areas.loc["removal", "lowest", "gini@20"][["area", "difference", "p_value", "p_value_holm"]].isna().all()
    tested = areas.drop(("removal", "lowest", "gini@20")).query("order != 'random'")
    assert tested["p_value_holm"].notna().all()
    assert areas.loc["removal", "highest", "gini@20"]["p_value_holm"] == pytest.approx(
        areas.loc["removal", "highest", "gini@20"]["p_value"]
    )


# Targets


def with_users(path, study, gain, gini):
    """A finished run of the study's; `gain` and `gini` by method: of each user's ndcg@10, and of a seed's gini@20."""
    (cell,) = study.cells()
    run = StudyFolder(path).run_of(cell)
    users, generator = np.arange(30), np.random.default_rng(0)
    frames = []
    for method in cell.recipe.methods:
        for seed in cell.recipe.seeds:
            values = generator.normal(0.3 + gain.get(method, 0), 0.1, len(users))
            frames.append(pd.DataFrame({"method": method, "seed": seed, "user": users, "ndcg@10": values}))
            metrics = {"ndcg@10": values.mean(), "gini@20": 0.5 + gini.get(method, 0) + generator.normal(0, 0.01)}
            found = {"metrics": metrics, "validation": {"ndcg@10": 0.3}, "epochs": 2}
            write_json(MethodTrial(method, seed).folder(run) / "metrics.json", found)
    per_user = pd.concat(frames, ignore_index=True)
    trials = [MethodTrial(method, seed) for method in cell.recipe.methods for seed in cell.recipe.seeds]
    write_json(run.metrics_path, summarise(run, per_user, METRICS, trials, [], None))
    write_table(run.per_user_path, pa.Table.from_pandas(per_user))
    return StudyFolder(path), [cell], per_user


@pytest.mark.parametrize(("change", "moved"), [(-0.3, True), (0.3, False)])
def test_less_is_better_where_it_is(tmp_path, change, moved):
    """The relative difference is what it is; gain and moved say whether it is for the better."""
    folder, cells, _ = with_users(tmp_path, asked(), {"DVR": change}, {"DVR": change})
    rows = targets_table(folder, cells).set_index(["method", "metric"]).loc["DVR"]
    assert rows["p_value_holm"].lt(0.05).all()
    assert np.sign(rows["difference"]).eq(np.sign(change)).all()
    assert np.sign(rows.loc["ndcg@10", "gain"]) == np.sign(change)
    assert np.sign(rows.loc["gini@20", "gain"]) == -np.sign(change)
    assert rows["gain"].abs().to_dict() == pytest.approx(rows["relative"].abs().to_dict())
    assert rows["is_target"].to_dict() == {"ndcg@10": False, "gini@20": True}
    assert rows["moved"].to_dict() == {"ndcg@10": False, "gini@20": moved}


def test_what_is_better_by_chance_alone_has_not_moved(tmp_path):
    folder, cells, _ = with_users(tmp_path, asked(), {}, {"DVR": -0.001})
    assert not targets_table(folder, cells)["moved"].any()


@pytest.mark.parametrize(("weigh", "expected"), [(True, {"gini@20"}), (False, set())])
def test_a_method_that_only_looks_on_aims_at_nothing(weigh, expected):
    methods = {"plain": {"kind": "plain"}, "look": {"kind": "in-run", "reward": "soft-gini@20", "weigh": weigh}}
    assert targets_of(asked(methods=methods, removal=None).methods["look"]) == expected


PAIRS = {
    "plain": {"kind": "plain"},
    "A": {"kind": "dvr"},
    "B": {"kind": "bod"},
    "alone": {"kind": "til"},
    "shuffled A": {"kind": "shuffled", "of": "A"},
    "shuffled B": {"kind": "shuffled", "of": "B"},
}


def test_methods_are_tested_against_their_own_placebos(tmp_path):
    """Scipy's paired tests, over the users' means and over the seeds, adjusted for the methods that have a placebo."""
    study = asked(methods=PAIRS, removal=None)
    folder, cells, per_user = with_users(tmp_path, study, {"A": 0.02, "shuffled B": -0.03}, {"A": 0.01, "B": -0.02})
    table = targets_table(folder, cells).set_index(["metric", "method"])
    by_user = per_user.groupby(["user", "method"])["ndcg@10"].mean().unstack()
    by_seed = {name: list(found["gini@20"]["by_seed"].values()) for name, found in told(folder, cells).items()}
    for metric, values in (("ndcg@10", by_user), ("gini@20", by_seed)):
        pairs = {name: (np.asarray(values[name]), np.asarray(values[f"shuffled {name}"])) for name in ("A", "B")}
        adjusted = holm_by_hand({name: stats.ttest_rel(*pair).pvalue for name, pair in pairs.items()})
        for name, (ours, theirs) in pairs.items():
            assert table.loc[(metric, name), "placebo_difference"] == pytest.approx((ours - theirs).mean())
            assert table.loc[(metric, name), "placebo_p"] == pytest.approx(adjusted[name])
        others = table.loc[metric].drop(["A", "B"])
        assert others[["placebo_difference", "placebo_p"]].isna().all(axis=None)


def told(folder, cells):
    return folder.run_of(cells[0]).metrics()["methods"]


def test_a_placebo_of_another_model_is_no_placebo(tmp_path):
    methods = {**PAIRS, "shuffled A": {**PAIRS["shuffled A"], **OTHER}}
    folder, cells, _ = with_users(tmp_path, asked(methods=methods, removal=None), {}, {})
    assert {
        metric: list(found) for metric, found in placebo_tests(folder.run_of(cells[0]), cells[0].recipe).items()
    } == {
        "ndcg@10": ["B"],
        "gini@20": ["B"],
    }


# Detection and cost


def test_differences_from_the_loss_are_adjusted_over_the_methods_of_a_backbone():
    methods = {"loss": {"kind": "loss"}, "A": {"kind": "dvr"}, "B": {"kind": "til"}, "C": {"kind": "bod"}}
    generator = np.random.default_rng(2)
    rows = [
        ("n", "MF", method, seed, 0.1, generator.normal(shift, 0.1), 0.2)
        for method, shift in (("loss", 0.5), ("A", 0.9), ("B", 0.6), ("C", 0.5))
        for seed in range(5)
    ]
    table = pd.DataFrame(rows, columns=["noise", "backbone", "method", "seed", "share", "auroc", "auprc"])
    found = detection_summary(table, asked(methods=methods, removal=None).cells()).set_index("method").drop("loss")
    by_method = {method: rows["auroc"].to_numpy() for method, rows in table.groupby("method")}
    p_values = {name: stats.ttest_rel(by_method[name], by_method["loss"]).pvalue for name in "ABC"}
    assert found["p_value_holm"].to_dict() == pytest.approx(holm_by_hand(p_values))
    assert (found["p_value_holm"] > found["p_value"] * 1.5).any()


def test_what_was_interrupted_is_not_in_the_cost(tmp_path):
    """The seconds of a training that was continued are of its rest alone."""
    study = asked(methods={"plain": {"kind": "plain"}, "DVR": {"kind": "dvr"}}, removal=None)
    (cell,) = study.cells()
    run = StudyFolder(tmp_path).run_of(cell)
    took = {("plain", 0): (1.0, False), ("plain", 1): (3.0, False), ("plain", 2): (0.001, True)} | {
        ("DVR", seed): (4.0 + 2 * seed, False) for seed in (0, 1, 2)
    }
    for (method, seed), (seconds, continued) in took.items():
        folder = MethodTrial(method, seed).folder(run)
        write_json(folder / "metrics.json", {"epochs": 2})
        run.log("trial", folder=str(folder.relative_to(run.path)), seconds=seconds, continued=continued)
    found = cost_table(StudyFolder(tmp_path), [cell]).set_index("method")
    assert found["trials"].to_dict() == {"plain": 2, "DVR": 3}
    assert found["seconds"].to_dict() == {"plain": 2.0, "DVR": 6.0}
    assert found["relative"].to_dict() == {"plain": 1.0, "DVR": (4 / 1 + 6 / 3) / 2}
