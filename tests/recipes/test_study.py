"""Studies: what they measure against oracles, and a whole one that is continued and does not depend on workers."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from recval.backbones import build
from recval.declarations import validate
from recval.engine import Processes, Serial
from recval.errors import ConfigError, DataError, RunError
from recval.games import Values
from recval.recipes import Recipe
from recval.recipes import study as studies
from recval.recipes.quality import auprc, auroc, noise_of, pairwise_spearman
from recval.recipes.study import Study, check, study
from recval.recipes.study.curves import areas_table
from recval.recipes.study.detection import detection_summary
from recval.recipes.study.free import fitted_to_labels, free_scores
from recval.recipes.study.targets import targets_of
from recval.recipes.trials import RemovalTrial
from recval.store.files import read_table
from recval.testing import planted

small = st.integers(-3, 3).map(float)


# Detection


def labelled(draw_from=small):
    pairs = st.lists(st.tuples(st.booleans(), draw_from), min_size=2, max_size=40)
    return pairs.filter(lambda rows: 0 < sum(noise for noise, _ in rows) < len(rows))


@settings(deadline=None, derandomize=True)
@given(rows=labelled())
def test_auroc_is_the_chance_that_noise_is_valued_lower_ties_counting_half(rows):
    noise, values = (np.array(column) for column in zip(*rows, strict=True))
    false, true = values[noise], values[~noise]
    wins = (false[:, None] < true) + 0.5 * (false[:, None] == true)
    assert auroc(noise, values) == pytest.approx(wins.mean(), abs=1e-12)


@settings(deadline=None, derandomize=True)
@given(rows=labelled())
def test_auprc_is_the_precision_at_each_threshold_times_what_it_finds(rows):
    noise, values = (np.array(column) for column in zip(*rows, strict=True))
    found, area = 0, 0.0
    for threshold in np.unique(values):
        called = values <= threshold
        area += noise[called].mean() * (noise[called].sum() - found) / noise.sum()
        found = noise[called].sum()
    assert auprc(noise, values) == pytest.approx(area, abs=1e-12)


def test_equal_values_tell_nothing():
    noise = np.array([True, False, False, True, False])
    assert auroc(noise, np.ones(5)) == 0.5
    assert auprc(noise, np.ones(5)) == pytest.approx(0.4)


FREE_ONCE = ("item popularity", "user activity", "EASE", "EASE, leave-one-out", "cosine, leave-one-out")


def test_free_scores_are_what_they_say():
    split, _ = planted(12, 30, 12)
    train = split.train
    found = {(name, seed): scores for name, seed, scores in free_scores(split, [4, 5])}
    assert list(found) == [*((name, 4) for name in FREE_ONCE), ("random", 4), ("random", 5)]
    pairs = train.table.to_pandas()
    assert found["item popularity", 4].tolist() == pairs.groupby("item")["user"].transform("size").tolist()
    assert found["user activity", 4].tolist() == pairs.groupby("user")["item"].transform("size").tolist()
    assert not np.array_equal(found["random", 4], found["random", 5])
    met = np.zeros((12, 30))
    met[train.user, train.item] = 1
    inverse = np.linalg.inv(met.T @ met + 250 * np.eye(30))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    scores = (met @ weights)[train.user, train.item]
    expected = scores - pd.Series(scores).groupby(train.user).transform("mean")
    np.testing.assert_allclose(found["EASE", 4], expected, atol=1e-5)
    assert build("EASE", train).needs_training is False


def test_free_scores_fitted_to_the_labels_tell_no_less_than_one_of_them():
    split, noisy = planted(100, 60, 20, noise=0.3)
    alone = {name: auroc(noisy, scores) for name, _, scores in free_scores(split, [0]) if "leave-one-out" in name}
    fitted = auroc(noisy, fitted_to_labels(split, 0, noisy))
    assert fitted > max(alone.values()) - 0.01
    assert auroc(noisy, fitted_to_labels(split, 0, ~noisy)) == pytest.approx(1 - fitted, abs=1e-3)


def test_noise_is_known_where_labels_are_of_both_kinds():
    import pyarrow as pa

    split, mask = planted(noise=0.3)
    assert noise_of(split) is None
    for label, expected in ((~mask, mask), (mask | True, None), (mask & False, None)):
        table = split.train.table.append_column("label", pa.array(label.astype(int)))
        found = noise_of(replace(split, train=replace(split.train, table=table)))
        assert (found is None) if expected is None else np.array_equal(found, expected)


def test_differences_from_the_loss_are_scipy_s(cells):
    generator = np.random.default_rng(0)
    rows = [
        ("n", backbone, method, seed, 0.1, generator.random(), generator.random())
        for backbone, methods in (("free", ["EASE"]), ("MF", ["loss", "DVR", "other"]))
        for method in methods
        for seed in range(1 if backbone == "free" else 4)
    ]
    table = pd.DataFrame(rows, columns=["noise", "backbone", "method", "seed", "share", "auroc", "auprc"])
    found = detection_summary(table, cells).set_index("method")
    by_method = {method: rows["auroc"].to_numpy() for method, rows in table.groupby("method")}
    for method in ("DVR", "other"):
        expected = stats.ttest_rel(by_method[method], by_method["loss"])
        assert found.loc[method, "p_value"] == pytest.approx(expected.pvalue, rel=1e-9)
        assert found.loc[method, "difference"] == pytest.approx((by_method[method] - by_method["loss"]).mean())
        assert found.loc[method, "auroc_sd"] == pytest.approx(by_method[method].std(ddof=1))
    assert found.loc[["loss", "EASE"], "p_value"].isna().all()


# Curves


@settings(deadline=None, derandomize=True)
@given(values=st.lists(small, min_size=2, max_size=30), fraction=st.sampled_from([0.1, 0.25, 0.5, 0.9]))
def test_what_one_order_drops_the_other_keeps(values, fraction):
    """Keeping a share of the highest alone is dropping the rest from below; the two leave no row out, none twice."""
    import pyarrow as pa

    n = len(values)
    valued = Values.from_estimates(pa.table({"user": np.arange(n), "item": np.arange(n)}), np.array([values]))
    highest = RemovalTrial("lowest", fraction, 0)._kept(valued)
    assert len(highest) == n - round(fraction * n)
    dropped = np.setdiff1d(np.arange(n), highest)
    assert not len(dropped) or not len(highest) or max(valued.value[dropped]) <= min(valued.value[highest])
    complement = RemovalTrial("highest", 1 - len(dropped) / n, 0)._kept(valued)
    assert sorted([*highest, *complement]) == list(range(n))
    random = [RemovalTrial("random", share, 0)._kept(valued) for share in (fraction, 0.95)]
    assert set(random[1]) <= set(random[0])


def test_the_area_is_the_mean_height():
    keys = {"noise": "n", "backbone": "b", "method": "m", "curve": "removal"}
    points = [
        ("random", 0.0, 1.0),
        ("random", 0.5, 0.0),
        ("lowest", 0.0, 1.0),
        ("lowest", 0.1, 1.0),
        ("lowest", 0.5, 0.5),
    ]
    rows = [
        {**keys, "order": order, "share": share, "seed": seed, "ndcg@5": height + 0.1 * seed}
        for order, share, height in points
        for seed in (0, 1)
    ]
    found = areas_table(pd.DataFrame(rows), ["ndcg@5"]).set_index("order")
    assert found.loc["random", "area"] == pytest.approx(0.55)
    assert found.loc["lowest", "area"] == pytest.approx(0.05 + (0.1 * 1 + 0.4 * 0.75) / 0.5)
    assert found.loc["lowest", "difference"] == pytest.approx(0.8 - 0.5)
    assert found["seeds"].tolist() == [2, 2]
    assert np.isnan(found.loc["random", "difference"])


# Stability and targets


@settings(deadline=None, derandomize=True)
@given(rows=st.lists(st.lists(small, min_size=6, max_size=6), min_size=2, max_size=4))
def test_pairwise_correlations_are_scipy_s(rows):
    values = np.array(rows)
    found = pairwise_spearman(values)
    places = list(zip(*np.triu_indices(len(values), 1), strict=True))
    assert len(found) == len(places)
    for correlation, (first, second) in zip(found, places, strict=True):
        if np.ptp(values[first]) == 0 or np.ptp(values[second]) == 0:
            assert np.isnan(correlation)
        else:
            expected = stats.spearmanr(values[first], values[second]).statistic
            assert correlation == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("reward", "expected"),
    [
        ("ndcg@10", {"ndcg@10"}),
        ("soft-gini@20", {"gini@20"}),
        ("lambda-ndcg@10", {"ndcg@10"}),
        ("bpr", {"bpr"}),
        ({"ndcg@10": 1.0, "gini@20": 0.5}, {"ndcg@10", "gini@20"}),
    ],
)
def test_what_a_method_aims_at(make, reward, expected):
    asked = make(methods={"plain": {"kind": "plain"}, "DVR": {"kind": "dvr", "reward": reward}}, removal=None)
    assert targets_of(asked.methods["DVR"]) == expected
    assert targets_of(asked.methods["plain"]) == set()


# Whole studies

BASE = {
    "description": "Tiny.",
    "split": {"kind": "ratio", "seed": 1},
    "noise": {"as it is": None, "uniform 20 %": {"inject": "uniform", "share": 0.2}},
    "backbones": {
        "MF": {"model": {"name": "BPR", "parameters": {"embedding_size": 8}}},
        "LightGCN": {
            "model": {"name": "LightGCN", "parameters": {"embedding_size": 8, "n_layers": 1}},
            "training": {"epochs": 3, "batch_size": 256, "learning_rate": 0.05, "monitor": "ndcg@5"},
        },
    },
    "training": {"epochs": 2, "batch_size": 256, "learning_rate": 0.02, "monitor": "ndcg@5"},
    "metrics": ["ndcg@5", "gini@5"],
    "seeds": [0, 1],
    "methods": {
        "plain": {"kind": "plain"},
        "loss": {"kind": "loss"},
        "placebo": {"kind": "uniform"},
        "DVR": {"kind": "dvr", "interval": 2, "draws": 2, "reward": "soft-gini@5"},
    },
    "removal": {"method": "DVR", "fractions": [0.2], "keep": [0.8], "seeds": [0]},
}


@pytest.fixture(scope="module")
def ratings(tmp_path_factory):
    split, _ = planted(40, 40, 16)
    path = tmp_path_factory.mktemp("data") / "ratings.csv"
    pd.concat([part.to_frame() for part in (split.train, split.valid, split.test)]).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def make(ratings):
    return lambda **changes: validate({"data": {"path": str(ratings)}, **BASE, **changes}, Study)


@pytest.fixture(scope="module")
def cells(make):
    return make().cells()


@pytest.fixture(scope="module")
def finished(make, tmp_path_factory):
    return study(make(), tmp_path_factory.mktemp("studies") / "serial", Serial(threads=1))


def test_every_cell_is_an_ordinary_run(make, finished):
    folder, _ = finished
    cells = make().cells()
    assert [(cell.noise, cell.backbone) for cell in cells] == [
        (noise, backbone) for noise in BASE["noise"] for backbone in BASE["backbones"]
    ]
    for cell in cells:
        run = folder.run_of(cell)
        assert run.recipe() == cell.recipe.model_dump(mode="json")
        assert run.report_path.is_file()
    assert [cell.recipe.training.epochs for cell in cells] == [2, 3, 2, 3]


def test_every_question_is_answered(make, finished):
    _, tables = finished
    assert set(tables) == {"detection", "detection_summary", "curves", "areas", "targets", "stability", "cost"}
    detection = tables["detection"]
    assert set(detection["noise"]) == {"uniform 20 %"}
    assert detection["share"].round(2).eq(0.2).all()
    assert detection.groupby(["backbone", "method"]).size().to_dict() == {
        **{("free", name): 1 for name in FREE_ONCE},
        ("free", "random"): 2,
        ("labels", "free scores added up"): 1,
        **{(backbone, method): 2 for backbone in ("MF", "LightGCN") for method in ("loss", "DVR")},
    }
    curves = tables["curves"]
    assert set(zip(curves["curve"], curves["order"], curves["share"], strict=True)) == {
        *(("removal", order, share) for order in ("lowest", "highest", "random") for share in (0.0, 0.2)),
        *(("addition", order, share) for order in ("lowest", "highest", "random") for share in (0.8, 1.0)),
    }
    targets = tables["targets"].set_index(["noise", "backbone", "method", "metric"])
    assert set(targets.index[targets["is_target"]].droplevel([0, 1])) == {("DVR", "gini@5")}
    assert set(targets.xs("gini@5", level="metric")["over"]) == {"seeds"}
    assert set(targets.xs("ndcg@5", level="metric")["over"]) == {"users"}
    assert targets.xs("placebo", level="method")["difference"].eq(0).all()
    stability = tables["stability"]
    assert stability.groupby("across").size().to_dict() == {"backbones": 2 * 2, "seeds": 2 * 2 * 2}
    assert (tables["cost"]["seconds"] > 0).all()
    assert (tables["cost"].loc[tables["cost"]["method"] == "plain", "relative"] == 1).all()


def test_detection_reads_the_values_beside_the_labels(make, finished):
    """Once more by hand: the noise of the data, the values of one trial."""
    folder, tables = finished
    cell = make().cells()[2]
    false = cell.recipe.split_data().train.column("label") == 0
    path = folder.run_of(cell).trial_path("methods", "loss", 1) / "values.parquet"
    values = read_table(path).to_pandas()["value"].to_numpy()
    rank = stats.rankdata(values)
    expected = 1 - (rank[false].sum() - false.sum() * (false.sum() + 1) / 2) / (false.sum() * (~false).sum())
    row = tables["detection"].query("backbone == 'MF' and method == 'loss' and seed == 1")
    assert row["auroc"].item() == pytest.approx(expected, abs=1e-12)


def test_the_tables_lie_in_the_folder(finished):
    folder, tables = finished
    kept = json.loads((folder.path / "study.json").read_text())
    assert list(kept) == list(tables)
    for name, table in tables.items():
        assert len(kept[name]) == len(table)
        pd.testing.assert_frame_equal(read_table(folder.path / f"{name}.parquet").to_pandas(), table, check_dtype=False)
    html = folder.report_path.read_text()
    for section in ("verdict", "detection", "curves", "metrics", "targets", "stability", "cost", "study"):
        assert f'<section id="{section}"' in html
    assert 'href="runs/uniform-20/MF/report.html"' in html


@pytest.mark.slow
def test_a_study_is_the_same_for_any_number_of_workers(make, finished, tmp_path):
    part = {"noise": {"uniform 20 %": BASE["noise"]["uniform 20 %"]}, "backbones": {"MF": BASE["backbones"]["MF"]}}
    _, tables = study(make(**part, stages=["detection", "targets"]), tmp_path / "parallel", Processes(2))
    for name, table in tables.items():
        alone = finished[1][name].query("noise == 'uniform 20 %' and backbone in ('free', 'labels', 'MF')")
        pd.testing.assert_frame_equal(table, alone.reset_index(drop=True), check_exact=True)


def test_a_study_that_was_interrupted_is_continued_and_then_only_read(make, tmp_path, monkeypatch):
    """Ended before its second run: what the first left is not touched, and the tables are those of a whole one."""
    methods = {"plain": {"kind": "plain"}, "loss": {"kind": "loss"}}
    part = {"backbones": {"MF": BASE["backbones"]["MF"]}, "methods": methods, "removal": None}
    asked = make(**part, stages=["detection", "stability", "cost"])
    whole = studies.running.running.run

    def until_the_second(recipe, path, *rest):
        if "uniform" in str(path):
            raise KeyboardInterrupt
        return whole(recipe, path, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(studies.running.running, "run", until_the_second)
        with pytest.raises(KeyboardInterrupt):
            study(asked, tmp_path / "study")
    assert not (tmp_path / "study/study.json").exists()
    before = times(tmp_path / "study")
    assert len(before) > 0
    _, continued = study(asked, tmp_path / "study")
    assert {path: time for path, time in times(tmp_path / "study").items() if path in before} == before
    _, alone = study(asked, tmp_path / "alone")
    assert list(continued) == ["detection", "detection_summary", "stability", "cost"]
    for name in ("detection", "detection_summary", "stability"):
        pd.testing.assert_frame_equal(continued[name], alone[name], check_exact=True)
    before = times(tmp_path / "study")
    _, again = study(asked, tmp_path / "study")
    assert times(tmp_path / "study") == before
    for name, table in continued.items():
        pd.testing.assert_frame_equal(again[name], table)


def test_methods_that_stand_alone_are_studied_beside_those_that_train(make, tmp_path):
    """The first method of the study is one of them; it gives the same for every seed, and the game does not."""
    methods = {
        "neighbours": {"kind": "knn-shapley", "k": 5},
        "plain": {"kind": "plain"},
        "loss": {"kind": "loss"},
        "game": {"kind": "game", "players": {"kind": "users"}, "metric": "recall@5", "stop": {"rounds": 2}},
    }
    asked = make(
        methods=methods,
        noise={"uniform 20 %": BASE["noise"]["uniform 20 %"]},
        backbones={"MF": BASE["backbones"]["MF"]},
        removal={"method": "game", "fractions": [0.2]},
    )
    folder, tables = study(asked, tmp_path / "study", Serial(threads=1))
    detection = tables["detection"].query("backbone == 'MF'")
    assert detection.groupby("method").size().to_dict() == {"neighbours": 1, "game": 2, "loss": 2}
    summary = tables["detection_summary"].query("backbone == 'MF'").set_index("method")
    (once,) = detection.query("method == 'neighbours'")["auroc"]
    loss = detection.query("method == 'loss'")["auroc"].to_numpy()
    expected = stats.ttest_1samp(once - loss, 0)
    assert summary.loc["neighbours", "difference"] == pytest.approx((once - loss).mean())
    assert summary.loc["neighbours", "p_value"] == pytest.approx(expected.pvalue)
    assert summary.loc["game", "p_value"] < 1
    assert set(tables["stability"]["method"]) == {"loss", "game"}
    cost = tables["cost"].set_index("method")
    assert cost["trials"].to_dict() == {"neighbours": 1, "plain": 2, "loss": 2, "game": 2}
    assert (cost["relative"] > 0).all()
    assert cost["epochs"].isna().to_dict() == {"neighbours": True, "plain": False, "loss": False, "game": True}
    assert set(tables["targets"]["method"]) == {"loss"}
    assert set(tables["curves"]["method"]) == {"game"}
    assert "nan" not in folder.report_path.read_text().partition('<section id="cost"')[2].partition("</section>")[0]


def times(folder):
    """When each file of the trials was written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("trials/**/*.*")}


def test_another_study_does_not_continue_it(make, finished):
    with pytest.raises(RunError, match="holds another study"):
        study(make(seeds=[7]), finished[0].path)


def test_a_folder_of_something_else_is_left_alone(make, tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(RunError, match="is not empty and holds no study"):
        study(make(), tmp_path)


def test_a_backbone_may_have_methods_of_its_own(make):
    own = {"DVR": {**BASE["methods"]["DVR"], "temperature": 0.5}, "extra": {"kind": "uniform"}}
    backbones = {"MF": BASE["backbones"]["MF"], "other": {**BASE["backbones"]["MF"], "methods": own}}
    recipes = {cell.backbone: cell.recipe for cell in make(backbones=backbones).cells()}
    assert list(recipes["other"].methods) == [*recipes["MF"].methods, "extra"]
    assert recipes["other"].methods["DVR"].temperature == 0.5
    assert recipes["MF"].methods["DVR"].temperature != 0.5


def test_shares_of_either_curve_may_be_the_same_trainings(make):
    removal = make(removal={"method": "DVR", "fractions": [0.1, 0.3, 0.9], "keep": [0.1, 0.7, 0.9]}).removal
    assert removal.dropped == (0.1, 0.3, 0.9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"backbones": {}}, "backbones: .*at least 1"),
        ({"noise": {}}, "noise: .*at least 1"),
        ({"noise": {"a b": None, "a-b": None}}, "noise: 'a-b' and 'a b' would share a folder|noise: 'a b' and 'a-b'"),
        ({"stages": ["detecton"]}, "stages.0: unknown value 'detecton', did you mean 'detection'"),
        ({"removal": {"method": "plain"}}, "MF with the noise 'as it is': .*method that gives values 'plain'"),
        ({"removal": {"method": "DVR", "fractions": []}}, "removal: name shares to drop"),
        (
            {"removal": {"method": "DVR", "fractions": [0.1, 0.1000001]}},
            "removal: to drop 0.1 or 0.1000001 is the same",
        ),
        (
            {"removal": {"method": "DVR", "fractions": [1 / 3], "keep": [2 / 3]}},
            "removal: .* is the same to six digits",
        ),
        ({"removal": {"method": "DVR", "keep": [1.0]}}, "removal.keep.0: should be less than 1"),
        ({"methods": {"plain": {"kind": "plian"}}}, "methods.plain.kind: unknown value 'plian', did you mean 'plain'"),
        ({"backbones": {"MF": {"model": {"name": "BRP"}}}}, "backbones.MF.model: .*'BRP', did you mean 'BPR'"),
        ({"model": {"name": "BPR"}}, "unknown key 'model'"),
        ({"backbones": {"free": {"model": {"name": "BPR"}}}}, "backbones: 'free' stands for what takes no valuation"),
        ({"backbones": {"labels": {"model": {"name": "BPR"}}}}, "'labels' stands for what was fitted to the labels"),
    ],
)
def test_a_study_that_cannot_work_is_refused_by_key(make, change, message):
    with pytest.raises(ConfigError, match=message):
        make(**change)


def test_what_is_wrong_with_a_cell_is_told_before_anything_is_written(make, tmp_path):
    asked = make(noise={"as it is": None, "clean": {"remove": ["train"]}})
    with pytest.raises(DataError, match="MF with the noise 'clean': noise: the interactions have no column 'label'"):
        study(asked, tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_a_study_with_nothing_to_find_says_so(make, tmp_path):
    """One method, clean data, one seed: every table is there, and the report is written."""
    part = {"noise": {"clean": None}, "backbones": {"MF": BASE["backbones"]["MF"]}, "removal": None, "seeds": [0]}
    folder, tables = study(make(**part, methods={"plain": {"kind": "plain"}}), tmp_path / "study")
    assert {name: len(table) for name, table in tables.items() if name != "cost"} == {
        "detection": 0,
        "detection_summary": 0,
        "targets": 0,
        "stability": 0,
    }
    assert "detection could not be measured" in folder.report_path.read_text()
    assert study(make(**part, methods={"plain": {"kind": "plain"}}), folder.path)[0] == folder


def test_the_check_reads_the_data_once_a_noise_setting(make, monkeypatch):
    read, split_data = [], Recipe.split_data
    monkeypatch.setattr(Recipe, "split_data", lambda recipe: read.append(recipe.noise) or split_data(recipe))
    asked = make()
    assert set(check(asked)) == set(asked.noise)
    assert read == list(asked.noise.values())
    assert len(asked.cells()) > len(read)
