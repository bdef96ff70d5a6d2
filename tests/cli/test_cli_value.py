from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

RECIPE = """\
description: tiny
data: {path: RATINGS, columns: {user: uid, item: iid, rating: stars, time: when}}
split: {kind: ratio, ratios: [0.8, 0.2, 0], seed: 3}
seeds: [0, 1]
methods:
  users: {kind: game, players: {kind: users}, metric: recall@5, stop: {rounds: 4}}
  neighbours: {kind: knn-shapley, k: 5}
"""


@pytest.fixture(scope="module")
def valued(command, tiny, tmp_path_factory):
    """A folder in which a recipe without a test part was valued, and how the command ended."""
    folder = tmp_path_factory.mktemp("valued")
    (folder / "tiny.yaml").write_text(RECIPE.replace("RATINGS", str(tiny.ratings)))
    return folder, command("value", folder / "tiny.yaml", "--out", folder / "run", "--workers", 1)


def test_value_prints_each_method_and_the_most_valuable(valued):
    folder, ended = valued
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    for said in ("method", "players", "seconds", "evaluations", "standard error", "stability", "seeds"):
        assert said in lines[2]
    for said in ("trainings", "AUROC"):
        assert said not in ended.out
    rows = {line.split()[0]: line.split() for line in lines[3:8] if line.strip()}
    assert rows["users"][1] == "30"
    assert rows["users"][3] == str(4 * 29)
    assert rows["neighbours"][-1] == "1", "one trial serves both seeds"
    assert "the most valuable by users" in ended.out
    assert lines[-1] == str(folder / "run")
    assert not (folder / "run/metrics.json").exists()


def test_the_same_command_again_works_no_more_and_prints_the_same(command, valued):
    folder, ended = valued
    before = {path: path.stat().st_mtime_ns for path in (folder / "run/trials").rglob("*")}
    again = command("value", folder / "tiny.yaml", "--out", folder / "run", "--workers", 1)
    assert (again.code, again.out) == (0, ended.out)
    assert {path: path.stat().st_mtime_ns for path in (folder / "run/trials").rglob("*")} == before


def test_json_holds_what_the_folder_does(command, valued):
    folder, _ = valued
    found = command("value", folder / "tiny.yaml", "--out", folder / "run", "--workers", 1, "--json").json
    kept = json.loads((folder / "run/valuation.json").read_text())
    assert found.pop("run") == str(folder / "run")
    assert found.pop("top") == command("values", "top", folder / "run", "--json").json
    assert found == kept
    assert set(kept["methods"]["users"]["facts"]) == {"0", "1"}


def test_values_of_a_valuation_are_shown_dropped_and_explained(command, valued, tmp_path):
    folder, _ = valued
    values = pd.read_parquet(folder / "run/values.parquet")
    top = command("values", "top", folder / "run", "--json").json
    assert [row["value"] for row in top] == sorted(values["value"], reverse=True)[:10]
    assert all(np.isfinite(row["standard_error"]) for row in top)
    drop = command("values", "drop", folder / "run", "--fraction", "0.25", "--out", tmp_path / "kept.csv")
    assert drop.code == 0, drop.err
    assert len(pd.read_csv(tmp_path / "kept.csv")) == len(values) - round(0.25 * len(values))
    theirs = command("values", "top", folder / "run", "--method", "neighbours", "--json").json
    own = pd.read_parquet(folder / "run/trials/methods/neighbours/0/values.parquet")
    assert [row["standard_error"] for row in theirs] == list(own.nsmallest(10, "rank")["standard_error"])


def test_players_are_shown_by_themselves(command, valued):
    folder, _ = valued
    values = pd.read_parquet(folder / "run/values.parquet")
    by_seed = [
        pd.read_parquet(folder / f"run/trials/methods/users/{seed}/players.parquet").set_index("user")["value"]
        for seed in (0, 1)
    ]
    found = pd.DataFrame(command("values", "top", folder / "run", "--players", "-n", 99, "--json").json)
    assert list(found) == ["rank", "user", "value", "standard_error", "interactions"]
    ours = found.set_index("user")
    assert ours["value"].sort_index().tolist() == pytest.approx(((by_seed[0] + by_seed[1]) / 2).sort_index().tolist())
    np.testing.assert_allclose(ours["standard_error"], (by_seed[0] - by_seed[1]).abs()[ours.index] / 2, atol=1e-12)
    grouped = values.groupby("user")["value"].agg(["sum", "size"])
    np.testing.assert_allclose(ours["value"], grouped["sum"][ours.index], atol=1e-12)
    assert ours["interactions"].tolist() == grouped["size"][ours.index].tolist()
    lowest = command("values", "top", folder / "run", "--players", "--lowest", "-n", 1, "--json").json[0]
    assert lowest == found.iloc[-1].to_dict()
    refused = command("values", "top", folder / "run", "--players", "--method", "neighbours").error
    assert "the players of neighbours are the interactions themselves; leave --players out" in refused


def test_explain_names_the_player_and_the_facts(command, valued):
    folder, _ = valued
    one = command("values", "top", folder / "run", "-n", 1, "--json").json[0]
    pair = ("--user", one["user"], "--item", one["item"])
    found = command("values", "explain", folder / "run", *pair, "--json").json
    player = found["player"]
    assert (player["user"], player["players"]) == (one["user"], 30)
    assert player["value"] == pytest.approx(found["value"] * player["interactions"])
    assert player["standard_error"] == pytest.approx(found["standard_error"] * player["interactions"])
    assert set(found["by_seed"]) == set(found["facts"]) == {"0", "1"}
    assert found["facts"]["0"]["evaluations"] == 4 * 29
    said = command("values", "explain", folder / "run", *pair).out
    assert f"its {player['interactions']} interactions share that equally" in " ".join(said.split())
    theirs = command("values", "explain", folder / "run", *pair, "--method", "neighbours", "--json").json
    assert "player" not in theirs
    assert set(theirs["by_seed"]) == {"0"}
    assert theirs["problem"] == "values of kind knn-shapley do not fall into parts; those of kinds dvr and dvrl do"


def test_a_valuation_is_no_finished_run(command, valued, tmp_path):
    folder, _ = valued
    assert "was valued only; recval run tests what its recipe trains" in command("report", folder / "run").error
    shutil.copytree(folder / "run", tmp_path / "run")
    (tmp_path / "run/valuation.json").unlink()
    assert "is not finished" in command("values", "top", tmp_path / "run").error


MIXED = (
    "methods.loss={kind: loss}",
    "methods.plain={kind: plain}",
    "split.ratios=[0.6, 0.2, 0.2]",
    "training.epochs=1",
)


def test_a_run_continues_what_was_valued_and_reports_every_valuation(command, valued, tmp_path):
    folder, _ = valued
    words = (folder / "tiny.yaml", *MIXED, "--out", tmp_path / "run", "--workers", 1)
    ended = command("value", *words)
    assert "trainings: seconds over those of a training with plain" in ended.out
    finished = command("run", *words)
    assert finished.code == 0, finished.err
    assert "users" not in finished.out
    report = (tmp_path / "run/report.html").read_text()
    assert '<section id="valuation">' in report
    assert "neighbours <small>knn-shapley</small>" in report


class Interrupted:
    """Is interrupted before its first task."""

    def map(self, function, tasks, shared, on_progress):
        raise KeyboardInterrupt
        yield


def test_an_interrupted_valuation_says_how_to_continue(command, valued, tmp_path, monkeypatch):
    folder, _ = valued
    words = ("value", folder / "tiny.yaml", "--out", tmp_path / "run", "--workers", 1)
    with monkeypatch.context() as patch:
        patch.setattr("recval.engine.BeginHere.map", Interrupted().map)
        stopped = command(*words)
    assert (stopped.code, stopped.out) == (130, "")
    assert stopped.err == f"interrupted; run the same command again to continue in {tmp_path / 'run'}\n"
    assert command(*words).code == 0
    assert (tmp_path / "run/values.parquet").read_bytes() == (folder / "run/values.parquet").read_bytes()


LONG = {
    "bags": "methods={bags: {kind: data-oob, bags: 80}}",
    "game": "methods={game: {kind: game, players: {kind: users}, metric: recall@5, stop: {rounds: 60}}}",
}


@pytest.mark.parametrize("method", LONG)
def test_killed_and_continued_equals_never_killed(command, valued, tmp_path, method):
    """Killed in the middle of the valuation: while there is something to continue from."""
    folder, _ = valued
    words = ["value", str(folder / "tiny.yaml"), LONG[method], "seeds=[0]", "--workers", "1", "--quiet", "--out"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-m", "recval", *words, str(tmp_path / "run")], env=environment)
    trial = tmp_path / "run/trials/methods" / method / "0"
    while process.poll() is None and not (trial / "checkpoint.safetensors").exists():
        time.sleep(0.002)
    assert process.poll() is None, "it ended before it could be killed"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (trial / "metrics.json").exists()
    continued, whole = (command(*words, tmp_path / name) for name in ("run", "whole"))
    assert continued.code == whole.code == 0, continued.err
    for path in ("values.parquet", f"trials/methods/{method}/0/metrics.json"):
        assert (tmp_path / "run" / path).read_bytes() == (tmp_path / "whole" / path).read_bytes()
    assert not (trial / "checkpoint.safetensors").exists()
    assert json.loads((tmp_path / "run/valuation.json").read_text())["methods"][method]["seconds"] is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (("methods={plain: {kind: plain}}",), "no method of this recipe gives values"),
        (("methods={a: {kind: knn-shapely}}",), "unknown value 'knn-shapely', did you mean 'knn-shapley'?"),
        (("methods={a: {kind: knn-shapley, kk: 5}}",), "unknown key 'methods.a.kk', did you mean 'k'?"),
        (("split.ratios=[1, 0, 0]",), "methods.users: "),
        (("methods={a: {kind: loss, model: {name: EASE}}}",), "methods.a: the model EASE is complete as it is built"),
    ],
)
def test_what_cannot_be_valued_ends_as_one_line(command, valued, tmp_path, changes, said):
    folder, _ = valued
    error = command("value", folder / "tiny.yaml", *changes, "--out", tmp_path / "run").error
    assert said in error
    assert not (tmp_path / "run").exists()


GAME = "methods={{users: {{kind: game, players: {{kind: users}}, {}}}}}"
EXACT = GAME.format("estimator: {kind: powerset}, stop: {rounds: 1}")


def test_what_a_valuator_refuses_names_its_method(command, valued, tmp_path):
    folder, _ = valued
    words = ("value", folder / "tiny.yaml", GAME.format("stop: {evaluations: 3}"), "--out", tmp_path / "run")
    assert "error: methods.users: no round was made" in command(*words, "--workers", 1).error


def test_a_folder_in_which_nothing_was_begun_takes_another_recipe(command, valued, tmp_path):
    folder, _ = valued
    words = ("value", folder / "tiny.yaml", "seeds=[0]", "--out", tmp_path / "run", "--workers", 1)
    assert "error: methods.users: the powerset of 30 players is too large" in command(*words, EXACT).error
    assert command(*words).code == 0
    assert "holds a run of another recipe" in command(*words, EXACT).error


def test_run_refers_a_recipe_that_trains_nothing_to_value(command, valued, tmp_path):
    folder, _ = valued
    error = command("run", folder / "tiny.yaml", "--out", tmp_path / "run").error
    assert error == "error: no method of this recipe trains a model that could be tested; use recval value\n"
    assert not (tmp_path / "run").exists()


def test_config_knows_a_recipe_of_values(command, valued):
    folder, _ = valued
    assert command("config", "validate", folder / "tiny.yaml").out == f"{folder / 'tiny.yaml'}: valid\n"
