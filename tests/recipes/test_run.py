"""Whole runs: the same for any executor, continued after a kill as if nothing had been, and rightly summarised."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from recval.data import split_given
from recval.declarations import validate
from recval.engine import Processes, Serial
from recval.errors import ConfigError, DataError, ModelError, RunError
from recval.games import Values
from recval.recipes import Recipe, check, run
from recval.recipes.trials import RemovalTrial
from recval.store.run import Run
from recval.testing import planted

RECIPE = {
    "split": {"kind": "ratio", "seed": 1},
    "model": {"name": "BPR", "parameters": {"embedding_size": 8}},
    "training": {"epochs": 6, "batch_size": 256, "learning_rate": 0.02, "monitor": "ndcg@5"},
    "metrics": ["ndcg@5", "recall@10"],
    "seeds": [0, 1, 2],
    "methods": {
        "plain": {"kind": "plain"},
        "uniform": {"kind": "uniform"},
        "shuffled": {"kind": "shuffled", "of": "DVR"},
        "DVR": {"kind": "dvr", "interval": 2, "draws": 2},
    },
    "references": [{"name": "EASE"}],
    "removal": {"method": "DVR", "fractions": [0.25], "seeds": [0, 1]},
}


@pytest.fixture(scope="module")
def ratings(tmp_path_factory):
    split, _ = planted()
    path = tmp_path_factory.mktemp("data") / "ratings.csv"
    pd.concat([part.to_frame() for part in (split.train, split.valid, split.test)]).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def recipe(ratings):
    return Recipe(data={"path": str(ratings)}, **RECIPE)


@pytest.fixture(scope="module")
def finished(recipe, tmp_path_factory):
    return run(recipe, tmp_path_factory.mktemp("runs") / "serial", Serial(threads=1))


def test_a_run_is_the_same_for_any_number_of_workers(recipe, finished, tmp_path):
    parallel = run(recipe, tmp_path / "parallel", Processes(2))
    for name in ("values.parquet", "per_user.parquet", "removal.parquet", "metrics.json", "recipe.yaml"):
        assert (parallel.path / name).read_bytes() == (finished.path / name).read_bytes(), name


def test_killed_and_continued_equals_never_killed(recipe, finished, tmp_path):
    """Killed in the middle of training, three times, at different places."""
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False))
    command = [sys.executable, "-m", "recval", "run", str(path), "--out", str(tmp_path / "run"), "--workers", "1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for wanted in (1, 6, 12):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and len(list((tmp_path / "run").glob("trials/**/metrics.json"))) < wanted:
            time.sleep(0.002)
        assert process.poll() is None, "the run ended before it could be killed"
        process.send_signal(signal.SIGKILL)
        process.wait()
        with pytest.raises(RunError, match="not finished"):
            Run.open(tmp_path / "run")
    run(recipe, tmp_path / "run", Serial(threads=1))
    for name in ("values.parquet", "per_user.parquet", "removal.parquet", "metrics.json"):
        assert (tmp_path / "run" / name).read_bytes() == (finished.path / name).read_bytes(), name
    assert not list((tmp_path / "run").glob("trials/**/checkpoint*"))


def test_a_finished_run_is_left_alone(recipe, finished):
    before = {path: path.stat().st_mtime_ns for path in finished.path.glob("trials/**/*") if path.is_file()}
    run(recipe, finished.path, Serial())
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_another_recipe_does_not_continue_it(recipe, finished):
    with pytest.raises(RunError, match="holds a run of another recipe"):
        run(recipe.model_copy(update={"seeds": (5,)}), finished.path)


def test_other_data_does_not_continue_it(finished, ratings, tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_bytes(ratings.read_bytes())
    recipe = Recipe(data={"path": str(path)}, **{**RECIPE, "seeds": [0], "removal": None, "references": []})
    run(recipe, tmp_path / "run")
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))
    with pytest.raises(RunError, match="holds a run on other data"):
        run(recipe, tmp_path / "run")


def test_the_uniform_placebo_is_plain_training(finished):
    methods = finished.metrics()["methods"]
    assert methods["uniform"] == methods["plain"]
    assert methods["shuffled"] != methods["plain"]
    assert methods["DVR"] != methods["plain"]


def test_the_summary_is_what_scipy_and_pandas_say(finished):
    summary, per_user = finished.metrics(), finished.per_user()
    means = per_user[per_user.method == "DVR"].groupby("seed")["ndcg@5"].mean()
    found = summary["methods"]["DVR"]["ndcg@5"]
    assert found["mean"] == pytest.approx(means.mean(), abs=1e-15)
    assert found["sd"] == pytest.approx(means.std(ddof=1), abs=1e-15)
    assert list(found["by_seed"].values()) == pytest.approx(list(means), abs=1e-15)
    by_user = {name: group.groupby("user")["ndcg@5"].mean() for name, group in per_user.groupby("method")}
    comparison = summary["comparisons"]["ndcg@5"]["DVR"]
    assert comparison["t_p_value"] == pytest.approx(stats.ttest_rel(by_user["DVR"], by_user["plain"]).pvalue, abs=1e-12)
    assert comparison["difference"] == pytest.approx((by_user["DVR"] - by_user["plain"]).mean(), abs=1e-12)
    assert comparison["users"] == len(by_user["plain"])
    assert comparison["t_p_value_holm"] >= comparison["t_p_value"]


def test_values_are_the_mean_over_seeds(finished):
    seeds = [Values.read(finished.trial_path("methods", "DVR", seed) / "values.parquet").value for seed in (0, 1, 2)]
    values = Values.read(finished.values_path)
    np.testing.assert_allclose(values.value, np.mean(seeds, axis=0), atol=1e-15)
    np.testing.assert_allclose(values.standard_error, np.std(seeds, axis=0, ddof=1) / np.sqrt(3), atol=1e-15)


def test_removal_drops_what_it_says():
    values = Values.from_estimates(pd_table(10), np.array([[3, 1, 4, 1.5, 9, 2, 6, 5, 3.5, 0]]))
    assert RemovalTrial("lowest", 0.3, 0)._kept(values).tolist() == [0, 2, 4, 5, 6, 7, 8]
    assert RemovalTrial("highest", 0.3, 0)._kept(values).tolist() == [0, 1, 2, 3, 5, 8, 9]
    random = RemovalTrial("random", 0.3, 0)._kept(values)
    assert len(random) == 7
    assert random.tolist() == RemovalTrial("random", 0.3, 0)._kept(values).tolist()
    assert random.tolist() != RemovalTrial("random", 0.3, 1)._kept(values).tolist()


def pd_table(n):
    import pyarrow as pa

    return pa.table({"user": np.arange(n), "item": np.arange(n)})


def test_the_log_tells_every_trial(finished):
    events = [json.loads(line) for line in (finished.path / "log.jsonl").read_text().splitlines()]
    first = events[: next(place for place, event in enumerate(events) if event["event"] == "finished") + 1]
    trials = [event["folder"] for event in first if event["event"] == "trial"]
    assert len(trials) == len(set(trials)) == 1 + 4 * 3 + 3 * 2
    assert all((finished.path / folder / "metrics.json").is_file() for folder in trials)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metrics": ["recall@5", "ndgc@5"]}, r"metrics\.1: unknown metric 'ndgc', did you mean 'ndcg'"),
        ({"metrics": ["recall@5", "recall@5"]}, r"metrics: no entry may stand twice"),
        ({"training": {"monitor": "ndcg"}}, r"training\.monitor: the metric 'ndcg' has no cut-off"),
        ({"training": {"device": "cudaa"}}, r"training\.device: cannot compute on the device 'cudaa'"),
        ({"model": {"name": "BRP"}}, r"model: .*'BRP', did you mean 'BPR'"),
        ({"model": {"name": "BPR", "parameters": {"embeding_size": 8}}}, r"model: .*did you mean 'embedding_size'"),
        ({"references": [{"name": "EASE"}, {"name": "EASE"}]}, r"references: no entry may stand twice"),
        ({"seeds": [1, -1]}, r"seeds\.1: should be greater than or equal to 0. Got -1 instead"),
        ({"seeds": [2**63]}, r"seeds\.0: should be less than"),
        ({"data": "ml-100"}, r"data: unknown data set 'ml-100', did you mean 'ml-100k'"),
        ({"methods": {"a b": {"kind": "plain"}, "a-b": {"kind": "plain"}}, "removal": None}, r"would share a folder"),
        ({"methods": {"EASE": {"kind": "plain"}}, "removal": None}, r"'EASE' names a method and a reference"),
        ({"removal": {"method": "plain"}}, r"unknown method that gives values 'plain'"),
        ({"methods": {"DVR": {"kind": "dvr", "reward": "ndgc@5"}}}, r"methods\.DVR\.reward: unknown metric 'ndgc'"),
    ],
)
def test_a_recipe_that_cannot_work_is_refused_by_key(recipe, change, message):
    with pytest.raises(ConfigError, match=message):
        validate({**recipe.model_dump(), **change}, Recipe)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model": {"name": "EASE"}}, ConfigError, "name it under references"),
        (
            {"model": {"name": "MultiVAE"}},
            ModelError,
            "Uniform weighs samples, but this model's loss is one of the whole batch",
        ),
        ({"references": [{"name": "NeuMF"}]}, ConfigError, "needs training"),
        ({"data": {"path": "nowhere.csv"}}, DataError, "data: there is no file nowhere.csv"),
        ({"split": {"kind": "ratio", "ratios": [0.8, 0.2, 0]}}, DataError, "split: .* left to test on"),
        ({"split": {"kind": "ratio", "ratios": [0.8, 0, 0.2]}}, DataError, "split: .* left to validate on"),
        ({"split": {"kind": "time"}}, DataError, "split: .*no column 'time'"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_written(recipe, tmp_path, change, error, message):
    wrong = Recipe.model_validate({**recipe.model_dump(), **change})
    with pytest.raises(error, match=message):
        run(wrong, tmp_path / "run")
    assert not (tmp_path / "run").exists()


SELF_TRAINING = {"model": {"name": "CompiledBPR", "parameters": {"embedding_size": 4}}}


@pytest.mark.parametrize(
    ("method", "error", "message"),
    [
        ({"kind": "dvr", "reward": "soft-group-gap[recall,gender]@5"}, ConfigError, "unknown user field 'gender'"),
        ({"kind": "dvr", "reward": "category-coverage[genre]@5"}, ConfigError, "unknown item field 'genre'"),
        ({"kind": "dvr", "inputs": ["cosine", "user[gender]"]}, ConfigError, "unknown user field 'gender'"),
        ({"kind": "dvr", "reward": "likeness[unseen]", "inputs": ["item[genre]"]}, ConfigError, "item field 'genre'"),
        ({"kind": "bod", "reward": "soft-category-coverage[genre]@5"}, ConfigError, "unknown item field 'genre'"),
        ({"kind": "dvr", "reward": "bpr", **SELF_TRAINING}, ModelError, "CompiledBPR takes its training steps itself"),
        ({"kind": "bod", **SELF_TRAINING}, ModelError, "CompiledBPR takes its training steps itself"),
        ({"kind": "til", **SELF_TRAINING}, ModelError, "CompiledBPR takes its training steps itself"),
        ({"kind": "in-run", **SELF_TRAINING}, ModelError, "CompiledBPR takes its training steps itself"),
        ({"kind": "loss", "model": {"name": "MultiVAE"}}, ModelError, "LossRanking ranks interactions by their losses"),
    ],
)
def test_a_method_that_cannot_work_on_the_data_is_told_by_name(recipe, method, error, message):
    changed = {"methods": {"plain": {"kind": "plain"}, "by name": method}, "removal": None}
    with pytest.raises(error, match=rf"^methods\.by name: .*{message}"):
        check(validate({**recipe.model_dump(), **changed}, Recipe))


def test_a_placebo_is_checked_as_what_it_shuffles(recipe):
    methods = {"a": {"kind": "shuffled", "of": "b"}, "b": {"kind": "dvr", "inputs": ["user[gender]"]}}
    with pytest.raises(ConfigError, match=r"^methods\.a: unknown user field 'gender'"):
        check(validate({**recipe.model_dump(), "methods": methods, "removal": None}, Recipe))


def test_groups_too_small_for_a_look_are_told_before_a_run(recipe):
    method = {"kind": "dvr", "reward": "group-gap[recall,gender]@5", "users": 10}
    changed = {"data": "ml-100k", "methods": {"gap": method}, "removal": None}
    with pytest.raises(ConfigError, match=r"^methods\.gap: .*of the smallest group, 5 are needed; set users to"):
        check(validate({**recipe.model_dump(), **changed}, Recipe))


def test_what_can_work_passes_the_check(recipe):
    """Measured rewards and likeness need no optimiser; the slots of a valuator are no more than the samples."""
    methods = {
        "measured": {"kind": "dvr", "reward": "ndcg@5", **SELF_TRAINING},
        "alike": {"kind": "dvr", "reward": "likeness[popular]", "inputs": ["cosine", "ease"], **SELF_TRAINING},
        "dvrl": {"kind": "dvrl"},
        "til": {"kind": "til"},
    }
    check(validate({**recipe.model_dump(), "methods": methods, "removal": None}, Recipe))


def test_a_valuator_with_fewer_slots_than_a_batch_is_read_back(recipe, tmp_path):
    methods = {"DVR": {"kind": "dvr", "interval": 2, "valuator": "harsanyi_slots"}}
    training = {**recipe.training.model_dump(), "batch_size": 4096, "epochs": 1}
    changed = {"methods": methods, "training": training, "seeds": [0], "removal": None, "references": []}
    done = run(validate({**recipe.model_dump(), **changed}, Recipe), tmp_path / "run")
    assert len(json.loads(done.explanations_path.read_text())) == 2


def test_a_damaged_run_is_told(tmp_path):
    (tmp_path / "recipe.yaml").write_text("a: [")
    (tmp_path / "metrics.json").write_text("{}")
    with pytest.raises(ConfigError, match="not valid YAML"):
        Run.open(tmp_path)
    (tmp_path / "recipe.yaml").write_text("data: ml-100k")
    with pytest.raises(RunError, match="is damaged"):
        Run.open(tmp_path).metrics()


def test_own_parts_can_be_given(tmp_path):
    split, _ = planted()
    parts = {}
    for name in ("train", "valid", "test"):
        parts[name] = {"path": str(tmp_path / f"{name}.parquet")}
        getattr(split, name).to_frame().to_parquet(parts[name]["path"])
    given = {"kind": "given", "valid": parts["valid"], "test": parts["test"]}
    found = Recipe.model_validate({**RECIPE, "data": parts["train"], "split": given}).split_data()
    expected = split_given(split.train, split.valid, split.test)
    assert found.train.table.equals(expected.train.table)
    assert found.test.table.equals(expected.test.table)
