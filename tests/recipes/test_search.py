"""Searches: the same for any number of workers, continued after a kill, and never by the test part."""

from __future__ import annotations

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

from recval.backbones import build
from recval.declarations import validate
from recval.engine import Processes, Serial
from recval.errors import ConfigError, DataError, ModelError, RunError
from recval.ranking import Evaluator, ItemSets
from recval.ranking.metrics import METRICS, metric
from recval.recipes import fit
from recval.recipes.search import Search, proposals, tune, tuning
from recval.recipes.search.folder import SearchTrial
from recval.testing import planted
from recval.training import Training

pytest.importorskip("optuna")

BASE = {
    "split": {"kind": "ratio", "seed": 1},
    "model": {"name": "LightGCN", "parameters": {"n_layers": 1}},
    "training": {"epochs": 4, "batch_size": 256, "monitor": "ndcg@5"},
    "space": {
        "model": {"embedding_size": {"choices": [4, 8]}},
        "training": {"learning_rate": {"low": 0.001, "high": 0.1, "log": True}},
    },
    "trials": 5,
    "parallel": 3,
}
CLOSED = {
    "model": {"name": "EASE"},
    "space": {"model": {"reg_weight": {"low": 1.0, "high": 1000.0, "log": True}}},
}


@pytest.fixture(scope="module")
def ratings(tmp_path_factory):
    split, _ = planted()
    path = tmp_path_factory.mktemp("data") / "ratings.csv"
    pd.concat([part.to_frame() for part in (split.train, split.valid, split.test)]).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def make(ratings):
    return lambda **changes: validate({"data": {"path": str(ratings)}, **BASE, **changes}, Search)


@pytest.fixture(scope="module")
def finished(make, tmp_path_factory):
    folder = tmp_path_factory.mktemp("searches") / "serial"
    return folder, tune(make(), folder, Serial(threads=1))


def outcomes(folder):
    """Every file of a search, without what the clock says."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "environment.json":
            text = path.read_text()
            found[str(path.relative_to(folder))] = (
                {**json.loads(text), "seconds": None} if path.suffix == ".json" else text
            )
    return found


def test_a_search_is_the_same_for_any_number_of_workers(make, finished, tmp_path):
    tune(make(), tmp_path / "parallel", Processes(2))
    assert outcomes(tmp_path / "parallel") == outcomes(finished[0])


def test_killed_and_continued_equals_never_killed(make, finished, tmp_path):
    """Killed in the middle of each generation."""
    path = tmp_path / "search.yaml"
    path.write_text(yaml.safe_dump(make().model_dump(mode="json"), sort_keys=False))
    folder = tmp_path / "search"
    command = [sys.executable, "-m", "recval", "tune", str(path), "--out", str(folder), "--workers", "1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for wanted in (1, 4):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and len(list(folder.glob("trials/*.json"))) < wanted:
            time.sleep(0.002)
        assert process.poll() is None, "the search ended before it could be killed"
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (folder / "best.json").exists()
        for leftover in folder.rglob(".*.tmp"):
            leftover.unlink()
    tune(make(), folder)
    assert outcomes(folder) == outcomes(finished[0])


def test_more_trials_continue_the_search_as_if_they_had_been_asked_for_at_once(make, finished, tmp_path):
    tune(make(trials=4), tmp_path / "search")
    assert len(list((tmp_path / "search/trials").iterdir())) == 4
    tune(make(), tmp_path / "search")
    assert outcomes(tmp_path / "search") == outcomes(finished[0])


def test_what_has_ended_is_not_trained_again(make, finished, monkeypatch):
    folder, tuned = finished
    monkeypatch.setattr(tuning, "_validated", None)
    again = tune(make(), folder)
    assert again.trials == tuned.trials


def test_the_best_trial_is_the_one_with_the_best_metric_and_training_with_it_gives_that_metric(make, finished):
    folder, tuned = finished
    values = [trial.value for trial in tuned.trials]
    assert tuned.best.value == max(values) > min(values)
    assert [trial.value for trial in tuned.ranked] == sorted(values, reverse=True)
    again = fit(
        make().split_data(), "LightGCN", parameters=tuned.parameters, training=Training(**tuned.training), rng=10
    )
    assert again.progress.best_score == tuned.best.value
    best = json.loads((folder / "best.json").read_text())
    assert best["validation"] == {"ndcg@5": tuned.best.value}
    assert best["parameters"] == tuned.parameters == {"n_layers": 1, **_of_model(tuned.best)}
    assert best["training"] == tuned.training
    assert "device" not in tuned.training


def _of_model(trial):
    return {key.removeprefix("model."): value for key, value in trial.chosen.items() if key.startswith("model.")}


def test_a_model_without_training_is_searched_on_validation_and_leaves_training_out(make, tmp_path):
    tuned = tune(make(**CLOSED, trials=3), tmp_path / "search")
    assert tuned.training == {}
    split = make().split_data()
    evaluate = Evaluator(split.valid, ItemSets.of(split.train), ["ndcg@5"])
    for trial in tuned.trials:
        scorer = build("EASE", split.train, {"reg_weight": trial.chosen["model.reg_weight"]}).eval().score
        assert trial.value == evaluate(scorer).means["ndcg@5"]


def test_the_test_part_is_never_looked_at(tmp_path):
    """With other test interactions, every trial stays the same to the bit."""
    split, _ = planted(seed=2)
    found = []
    for name, test in (("whole", split.test), ("half", split.test.take(np.arange(0, len(split.test), 2)))):
        paths = {}
        for part, table in (("train", split.train), ("valid", split.valid), ("test", test)):
            paths[part] = tmp_path / f"{part}.csv"
            table.to_frame().to_csv(paths[part], index=False)
        given = {"kind": "given", "valid": {"path": str(paths["valid"])}, "test": {"path": str(paths["test"])}}
        search = Search(**{**BASE, "trials": 3, "split": given}, data={"path": str(paths["train"])})
        tune(search, tmp_path / name)
        found.append(outcomes(tmp_path / name))
    assert found[0] == found[1]


def test_trials_are_drawn_within_the_space_and_rounded(make):
    space = {
        "model": {"embedding_size": {"low": 4, "high": 12, "step": 4}, "n_layers": {"low": 1, "high": 3}},
        "training": {
            "learning_rate": {"low": 0.0012345, "high": 0.0987654, "log": True},
            "weight_decay": {"low": 0.0, "high": 0.3, "step": 0.1},
            "batch_size": {"choices": [64, 128]},
        },
    }
    search = make(space=space, trials=200, parallel=200, sampler="random")
    drawn = pd.DataFrame(proposals.propose(search, 0, []))
    assert set(drawn["model.embedding_size"]) == {4, 8, 12}
    assert set(drawn["model.n_layers"]) == {1, 2, 3}
    assert set(drawn["training.batch_size"]) == {64, 128}
    assert set(drawn["training.weight_decay"]) == {0.0, 0.1, 0.2, 0.3}
    rates = drawn["training.learning_rate"]
    assert rates.between(0.0012345, 0.0987654).all()
    assert all(float(f"{rate:.3g}") == rate or rate in (0.0012345, 0.0987654) for rate in rates)
    assert abs(np.log(rates).mean() - np.log([0.0012345, 0.0987654]).mean()) < 0.3, "not even on the logarithm"


def test_a_grid_takes_each_combination_once(make):
    space = {"model": {"n_layers": {"low": 0, "high": 2}}, "training": {"batch_size": {"choices": [32, 64, 128]}}}
    search = make(space=space, sampler="grid", trials=100, parallel=4)
    assert proposals.planned(search) == 9
    cells = [tuple(cell.values()) for generation in range(3) for cell in proposals.propose(search, generation, [])]
    assert sorted(cells) == [(layers, size) for layers in range(3) for size in (32, 64, 128)]
    assert cells != sorted(cells)
    assert proposals.planned(search.model_copy(update={"trials": 5})) == 5


@pytest.mark.parametrize("monitor", ["ndcg@5", "lowest@5"])
def test_the_sampler_learns_from_what_was_tried(make, monitor):
    """A search by a known figure ends nearer to its optimum than random trials do."""
    search = make(
        space={"training": {"learning_rate": {"low": 1e-5, "high": 1.0, "log": True}}},
        training={"monitor": _registered(monitor)},
        trials=40,
        parallel=4,
    )
    sign = -1 if monitor == "lowest@5" else 1
    distances = {}
    for sampler in ("tpe", "random"):
        chosen = search.model_copy(update={"sampler": sampler})
        trials: list[SearchTrial] = []
        for generation in range(10):
            for proposal in proposals.propose(chosen, generation, trials[: generation * 4]):
                distance = abs(np.log10(proposal["training.learning_rate"]) + 2)
                failed = proposal["training.learning_rate"] > 0.3
                trials.append(SearchTrial(len(trials), proposal, None if failed else -sign * distance))
        distances[sampler] = np.mean([abs(trial.value) for trial in trials[20:] if trial.value is not None])
    assert distances["tpe"] < distances["random"] / 2


def _registered(name):
    if name == "lowest@5" and "lowest" not in METRICS:
        metric("lowest", lower_is_better=True)(lambda lists: 1.0 - lists.hits.any(axis=1))
    return name


def test_lower_is_better_is_heeded(make, tmp_path):
    tuned = tune(make(training={"epochs": 1, "monitor": _registered("lowest@5")}, trials=3), tmp_path / "search")
    assert tuned.best.value == min(trial.value for trial in tuned.trials)


def test_what_mattered_is_found(make):
    space = {"training": {"learning_rate": {"low": 0.0, "high": 1.0}, "weight_decay": {"low": 0.0, "high": 1.0}}}
    space["training"]["learning_rate"]["low"] = 0.01
    search = make(space=space, sampler="random", trials=60, parallel=60)
    drawn = proposals.propose(search, 0, [])
    trials = [SearchTrial(n, chosen, chosen["training.learning_rate"]) for n, chosen in enumerate(drawn)]
    found = proposals.importances(search, trials)
    assert list(found) == ["training.learning_rate", "training.weight_decay"]
    assert found["training.learning_rate"] > 0.9
    assert proposals.importances(search, trials[:9]) == {}
    assert proposals.importances(search, [SearchTrial(n, chosen, 0.5) for n, chosen in enumerate(drawn)]) == {}


def test_a_trial_that_fails_is_kept_with_its_reason_and_the_search_goes_on(make, tmp_path, monkeypatch):
    validated = tuning._validated

    def fragile(shared, parameters, training, checkpoint, report):
        if training.learning_rate > 0.02:
            raise ModelError("the training loss\nbecame nan")
        return validated(shared, parameters, training, checkpoint, report)

    monkeypatch.setattr(tuning, "_validated", fragile)
    tuned = tune(make(), tmp_path / "search")
    failed = [trial for trial in tuned.trials if trial.value is None]
    assert 0 < len(failed) < len(tuned.trials)
    assert all(trial.chosen["training.learning_rate"] > 0.02 for trial in failed)
    assert {trial.reason for trial in failed} == {"the training loss became nan"}
    assert all(trial not in tuned.ranked for trial in failed)


def test_a_search_of_which_nothing_is_left_is_told(make, tmp_path):
    """A learning rate that drives every number out of range."""
    space = {"training": {"learning_rate": {"choices": [1e30, 1e35]}}}
    with pytest.raises(RunError, match="each of the 2 trials failed, the first because: .*; mend it, remove "):
        tune(make(space=space, trials=2), tmp_path / "search")


def test_another_search_other_data_and_other_files_are_refused(make, finished, tmp_path):
    folder, _ = finished
    before = outcomes(folder)
    with pytest.raises(RunError, match="holds another search"):
        tune(make(parallel=2), folder)
    with pytest.raises(RunError, match="holds another search"):
        tune(make(seed=11), folder)
    assert outcomes(folder) == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("precious")
    with pytest.raises(RunError, match="is not empty and holds no search"):
        tune(make(), tmp_path / "mine")


def test_changed_data_is_refused(tmp_path):
    split, _ = planted()
    path = tmp_path / "ratings.csv"
    frame = pd.concat([part.to_frame() for part in (split.train, split.valid, split.test)])
    frame.to_csv(path, index=False)
    search = Search(**{**BASE, **CLOSED, "trials": 2}, data={"path": str(path)})
    tune(search, tmp_path / "search")
    frame.iloc[:-5].to_csv(path, index=False)
    with pytest.raises(RunError, match="holds a search on other data"):
        tune(search, tmp_path / "search")


def searched(key, **candidates):
    return {"space": {"training": {key: candidates}}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"space": {}}, "space: there is nothing to search"),
        (searched("learning_rat", low=0.1, high=1.0), "'learning_rat', did you mean 'learning_rate'"),
        (searched("monitor", choices=["ndcg@5", "mrr@5"]), "unknown setting of training to search 'monitor'"),
        (searched("refit", choices=[True, False]), "unknown setting of training to search 'refit'"),
        (searched("batch_size", low=0, high=4), "training.batch_size: .*batch_size.*Got 0"),
        (searched("batch_size", low=4, high=4), "low must be below high, got 4 and 4"),
        (searched("batch_size", choices=[8, 16, 8]), "no choice may stand twice"),
        (searched("weight_decay", low=0.0, high=1.0, log=True), "begins above 0, got 0"),
        (searched("weight_decay", low=0.0, high=1.0, step=2.0), "step must be above 0"),
        (searched("weight_decay", low=0.0, hihg=1.0), "hihg|high"),
        (
            {**searched("learning_rate", low=0.1, high=1.0), "sampler": "grid"},
            "training.learning_rate: a grid needs choices or a step",
        ),
        ({"space": {"training": {"batch_size": [8, 16]}}}, "space.training.batch_size"),
        (
            {"space": {"model": {"embeding_size": {"choices": [1, 2]}}}},
            "model.embeding_size: .*did you mean 'embedding_size'",
        ),
        ({"space": {"model": {"embedding_size": {"choices": [8, "big"]}}}}, "embedding_size.*'big'"),
        ({"sampler": "bayes"}, "'bayes'"),
        ({"parallel": 0}, "parallel"),
        ({"model": {"name": "LightGNC"}}, "did you mean 'LightGCN'"),
    ],
)
def test_a_bad_search_is_refused_with_the_key(make, changes, said):
    with pytest.raises(ConfigError, match=said) as raised:
        make(**changes)
    assert "\n" not in str(raised.value)


def test_what_cannot_be_searched_is_told_before_any_work(make, tmp_path):
    with pytest.raises(ConfigError, match="space.training.learning_rate: EASE is complete as it is built"):
        tune(make(model={"name": "EASE"}, space={"training": BASE["space"]["training"]}), tmp_path / "search")
    with pytest.raises(DataError, match="no interactions are left to validate on"):
        tune(make(split={"kind": "ratio", "ratios": [0.9, 0.0, 0.1]}), tmp_path / "search")
    assert not any(tmp_path.iterdir())


def test_without_optuna_one_line_says_what_to_install(make, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"a search needs Optuna; install it with `pip install 'recval\[tune\]'`"):
        tune(make(), tmp_path / "search")


def test_the_log_and_the_warnings_of_optuna_are_left_as_they_were(make, recwarn, capfd):
    import optuna

    before = optuna.logging.get_verbosity()
    proposals.propose(make(), 0, [])
    assert optuna.logging.get_verbosity() == before
    assert capfd.readouterr().err == ""
    assert not recwarn
