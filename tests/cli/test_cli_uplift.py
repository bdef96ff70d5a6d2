from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pandas as pd
import pytest
from uplift_samples import ARMS, RECIPE, experiment

from recval.recipes.uplift import score
from recval.uplift.model import UpliftModel
from recval.yaml_file import parse


@pytest.fixture(scope="module")
def fitted(command, tmp_path_factory):
    """A folder with an experiment, new customers, a recipe and its finished run, and how the command ended."""
    folder = tmp_path_factory.mktemp("uplift")
    experiment().to_csv(folder / "experiment.csv", index=False)
    new = experiment(50, seed=1).drop(columns=["group", "spend"])
    new.to_csv(folder / "new.csv", index=False)
    new.to_parquet(folder / "new.parquet")
    (folder / "tiny.yaml").write_text(RECIPE.replace("EXPERIMENT", str(folder / "experiment.csv")))
    return folder, command("uplift", "fit", folder / "tiny.yaml", "--out", folder / "run", "--workers", 1)


@pytest.fixture(scope="module")
def scored(command, fitted):
    folder, _ = fitted
    ended = command("uplift", "score", folder / "run", folder / "new.parquet", "--out", folder / "scored.parquet")
    assert ended.code == 0, ended.err
    return folder / "scored.parquet"


def test_fit_prints_every_metric_of_every_arm_and_leaves_a_whole_folder(fitted):
    folder, ended = fitted
    assert (ended.code, ended.err) == (0, "")
    for arm in ARMS[1:]:
        for metric in ("auuc", "lift@30", "autoc", "euce"):
            assert re.search(rf"{arm} +{metric} ", ended.out)
    assert ended.out.splitlines()[-1] == str(folder / "run/report.html")
    found = {path.relative_to(folder / "run").as_posix() for path in (folder / "run").rglob("*") if path.is_file()}
    own = {f"{name}.json" for name in ("data", "environment", "randomness", "metrics")}
    own |= {"recipe.yaml", "log.jsonl", "report.html"}
    kept = {"evaluation.json", "scored.parquet", "model/model.json", "model/weights.safetensors"}
    assert found == own | kept | {f"trials/0/0/{name}" for name in kept}
    table = pd.read_parquet(folder / "run/scored.parquet")
    assert len(table) == json.loads((folder / "run/evaluation.json").read_text())["customers"]
    assert set(table["arm"]) == set(ARMS)


def test_the_report_is_whole_in_itself_and_says_whether_the_ranking_beats_random(fitted):
    folder, _ = fitted
    report = (folder / "run/report.html").read_text()
    body = report.split("<main>")[1]
    assert not re.search(r"(src|href)=", body)
    assert "95 % of random rankings lie in" in body
    for arm in ARMS[1:]:
        assert f"<h2>{arm} against none</h2>" in body
    assert "the plan treats" in body


def test_the_same_command_again_fits_nothing(command, fitted):
    folder, ended = fitted
    before = {path: path.stat().st_mtime_ns for path in (folder / "run/trials").rglob("*")}
    again = command("uplift", "fit", folder / "tiny.yaml", "--out", folder / "run", "--workers", 1)
    assert (again.code, again.out) == (0, ended.out)
    assert {path: path.stat().st_mtime_ns for path in (folder / "run/trials").rglob("*")} == before


def test_json_of_fit_is_what_the_folder_holds(command, fitted):
    folder, _ = fitted
    found = command("uplift", "fit", folder / "tiny.yaml", "--out", folder / "run", "--workers", 1, "--json").json
    assert found["evaluation"] == json.loads((folder / "run/evaluation.json").read_text())
    assert found["models"] == json.loads((folder / "run/metrics.json").read_text())


def test_the_resolved_recipe_is_a_recipe_of_the_same_run(command, fitted):
    folder, _ = fitted
    words = ("uplift", "fit", folder / "run/recipe.yaml", "--out", folder / "run", "--workers", 1)
    assert command(*words).code == 0
    assert "holds a run of another recipe" in command(*words, "seeds=[5]").error


def test_report_writes_an_uplift_run_anew(command, fitted, tmp_path):
    folder, _ = fitted
    shutil.copytree(folder / "run", tmp_path / "run")
    (tmp_path / "run/report.html").unlink()
    assert command("report", tmp_path / "run").code == 0
    assert (tmp_path / "run/report.html").read_bytes() == (folder / "run/report.html").read_bytes()
    assert (
        "is one of uplift; recval uplift and recval report take it" in command("values", "top", tmp_path / "run").error
    )


def contents(run):
    """Return the bytes of all that a run found; its log and its environment tell of the way there."""
    told = {"log.jsonl", "environment.json"}
    return {
        path.relative_to(run).as_posix(): path.read_bytes()
        for path in run.rglob("*")
        if path.is_file() and path.name not in told and not path.name.endswith(".tmp")
    }


class Interrupting:
    """Runs two tasks, and is interrupted before the third."""

    def map(self, function, tasks, shared, on_progress):
        for position, task in enumerate(tasks[:2]):
            yield position, function(shared, task, lambda fraction: None)
        raise KeyboardInterrupt


def test_interrupted_and_continued_equals_never_interrupted(command, fitted, tmp_path, monkeypatch):
    folder, _ = fitted
    words = ("uplift", "fit", folder / "tiny.yaml", "split.repeats=3", "model.training.epochs=1", "--workers", 1)
    with monkeypatch.context() as patch:
        patch.setattr("recval.engine.executor_of", lambda workers, cluster: Interrupting())
        stopped = command(*words, "--out", tmp_path / "run")
    assert (stopped.code, stopped.out) == (130, "")
    assert stopped.err == f"interrupted; run the same command again to continue in {tmp_path / 'run'}\n"
    first = (tmp_path / "run/trials/0/0/evaluation.json").stat().st_mtime_ns
    continued, whole = (command(*words, "--out", tmp_path / name) for name in ("run", "whole"))
    assert continued.code == whole.code == 0, continued.err
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")
    assert (tmp_path / "run/trials/0/0/evaluation.json").stat().st_mtime_ns == first
    assert "mean ± sd of 3 models" in (tmp_path / "run/report.html").read_text()


@pytest.mark.slow
def test_killed_and_continued_equals_never_killed(command, fitted, tmp_path):
    folder, _ = fitted
    changes = ("split.repeats=2", "seeds=[0,1]", "model.training.epochs=6")
    words = ["uplift", "fit", str(folder / "tiny.yaml"), *changes, "--workers", "1", "--quiet", "--out"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-m", "recval", *words, str(tmp_path / "run")], env=environment)
    while process.poll() is None and not (tmp_path / "run/trials/0/1/evaluation.json").exists():
        time.sleep(0.002)
    assert process.poll() is None, "it ended before it could be killed"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "run/metrics.json").exists()
    assert "is not finished; continue it with recval uplift fit" in command("report", tmp_path / "run").error
    first = (tmp_path / "run/trials/0/0/evaluation.json").stat().st_mtime_ns
    continued, whole = (command(*words, tmp_path / name) for name in ("run", "whole"))
    assert continued.code == whole.code == 0, continued.err
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")
    assert (tmp_path / "run/trials/0/0/evaluation.json").stat().st_mtime_ns == first


def test_score_carries_over_what_the_model_does_not_use(scored):
    table = pd.read_parquet(scored)
    assert list(table) == [
        "id",
        *(f"expected_{arm}" for arm in ("none", "call", "mail")),
        *(f"uplift_{arm}" for arm in ("call", "mail")),
        "best_arm",
    ]
    assert table["id"].tolist() == experiment(50, seed=1)["id"].tolist()
    for arm in ARMS[1:]:
        difference = table[f"expected_{arm}"] - table["expected_none"]
        np.testing.assert_allclose(table[f"uplift_{arm}"], difference, atol=1e-4)
    uplift = table[["uplift_call", "uplift_mail"]].to_numpy()
    best = np.where(uplift.max(axis=1) > 0, np.array(["call", "mail"])[uplift.argmax(axis=1)], "none")
    assert table["best_arm"].tolist() == best.tolist()


def numbers(table):
    return table.drop(columns=["id", "best_arm"]).to_numpy(float)


def test_csv_scores_as_parquet_does_and_ids_stay_as_they_are_written(command, fitted, scored, tmp_path):
    folder, _ = fitted
    ended = command("uplift", "score", folder / "run", folder / "new.csv", "--out", tmp_path / "scored.csv")
    assert (ended.code, ended.err) == (
        0,
        f"note: {folder / 'new.csv'}: the column 'id' was not there in training; it is ignored\n",
    )
    ours, theirs = pd.read_csv(tmp_path / "scored.csv", dtype={"id": str}), pd.read_parquet(scored)
    assert ours["id"].tolist() == theirs["id"].tolist()
    assert ours["best_arm"].tolist() == theirs["best_arm"].tolist()
    np.testing.assert_allclose(numbers(ours), numbers(theirs), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 7, 49, 50, 51, 10**6])
@pytest.mark.parametrize("file", ["new.csv", "new.parquet"])
def test_chunks_change_no_score(fitted, scored, tmp_path, rows, file):
    folder, _ = fitted
    (found,) = score(folder / "run", [folder / file], tmp_path / "scored.parquet", rows=rows)
    ours, theirs = pd.read_parquet(tmp_path / "scored.parquet"), pd.read_parquet(scored)
    assert found.rows == 50
    assert found.best == {arm: int((theirs["best_arm"] == arm).sum()) for arm in ("none", "call", "mail")}
    assert found.mean == pytest.approx({arm: theirs[f"uplift_{arm}"].mean() for arm in ("call", "mail")}, rel=1e-5)
    assert ours["id"].tolist() == theirs["id"].tolist()
    np.testing.assert_allclose(numbers(ours), numbers(theirs), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("index", [range(30, 80), list("ab" * 25)])
def test_the_index_of_a_frame_that_was_written_decides_nothing(fitted, scored, tmp_path, index):
    folder, _ = fitted
    pd.read_parquet(folder / "new.parquet").set_axis(index).to_parquet(tmp_path / "new.parquet")
    score(folder / "run", [tmp_path / "new.parquet"], tmp_path / "scored.parquet", rows=20)
    ours, theirs = pd.read_parquet(tmp_path / "scored.parquet"), pd.read_parquet(scored)
    assert list(ours) == list(theirs)
    np.testing.assert_allclose(numbers(ours), numbers(theirs), rtol=1e-5, atol=1e-5)


def test_an_index_with_a_name_is_carried_over(fitted, scored, tmp_path):
    folder, _ = fitted
    pd.read_parquet(folder / "new.parquet").set_index("id").to_parquet(tmp_path / "new.parquet")
    score(folder / "run", [tmp_path / "new.parquet"], tmp_path / "scored.parquet")
    assert pd.read_parquet(tmp_path / "scored.parquet")["id"].tolist() == pd.read_parquet(scored)["id"].tolist()


def test_differences_are_counted_over_all_chunks(fitted, tmp_path):
    folder, _ = fitted
    new = pd.read_csv(folder / "new.csv", dtype={"id": str})
    new.loc[[3, 20, 44], "city"] = "Oslo"
    new.loc[10, "age"] = np.nan
    new.to_csv(tmp_path / "new.csv", index=False)
    lines = [
        score(folder / "run", [tmp_path / "new.csv"], tmp_path / "out.csv", rows=rows)[0].differences
        for rows in (7, 1000)
    ]
    assert lines[0] == lines[1]
    assert len(lines[0]) == 3
    assert any("'city'" in line and "3" in line and "Oslo" in line for line in lines[0])
    assert any("'age'" in line and "1" in line for line in lines[0])


def test_several_files_are_scored_as_one_by_one(command, fitted, scored, tmp_path):
    folder, _ = fitted
    new = pd.read_parquet(folder / "new.parquet")
    new.iloc[:30].to_parquet(tmp_path / "first.parquet")
    new.iloc[30:].to_csv(tmp_path / "second.csv", index=False)
    files = (tmp_path / "first.parquet", tmp_path / "second.csv")
    found = command("uplift", "score", folder / "run", *files, "--out", tmp_path / "scored", "--json").json
    assert [row["customers"] for row in found] == [30, 20]
    both = pd.concat([pd.read_parquet(tmp_path / f"scored/{name}.parquet") for name in ("first", "second")])
    np.testing.assert_allclose(numbers(both), numbers(pd.read_parquet(scored)), rtol=1e-5, atol=1e-5)
    again = command("uplift", "score", folder / "run", *files, "--out", tmp_path / "scored").error
    assert "is a folder" in again
    (tmp_path / "more").mkdir()
    (tmp_path / "more/first.csv").write_text("")
    twice = ("uplift", "score", folder / "run", files[0], tmp_path / "more/first.csv", "--out", tmp_path / "other")
    (tmp_path / "more/first.csv").write_text((tmp_path / "second.csv").read_text())
    assert "would both be" in command(*twice).error


@pytest.mark.slow
def test_workers_change_no_score(command, fitted, scored, tmp_path):
    folder, _ = fitted
    new = pd.read_parquet(folder / "new.parquet")
    for name, part in (("first", new.iloc[:30]), ("second", new.iloc[30:])):
        part.to_parquet(tmp_path / f"{name}.parquet")
    files = (tmp_path / "first.parquet", tmp_path / "second.parquet")
    ended = command("uplift", "score", folder / "run", *files, "--out", tmp_path / "scored", "--workers", 2)
    assert ended.code == 0, ended.err
    both = pd.concat([pd.read_parquet(tmp_path / f"scored/{file.name}") for file in files])
    np.testing.assert_allclose(numbers(both), numbers(pd.read_parquet(scored)), rtol=1e-5, atol=1e-5)


def test_a_file_of_one_row_is_scored(command, fitted, scored, tmp_path):
    folder, _ = fitted
    pd.read_csv(folder / "new.csv", dtype=str).head(1).to_csv(tmp_path / "one.csv", index=False)
    command("uplift", "score", folder / "run", tmp_path / "one.csv", "--out", tmp_path / "scored.csv")
    one = pd.read_csv(tmp_path / "scored.csv")
    np.testing.assert_allclose(numbers(one), numbers(pd.read_parquet(scored).head(1)), rtol=1e-5, atol=1e-5)


def test_keep_names_the_columns_that_are_carried_over(command, fitted, tmp_path):
    folder, _ = fitted
    words = ("uplift", "score", folder / "run", folder / "new.csv", "--out", tmp_path / "scored.csv")
    assert "no column 'name' to keep (found: id, age, city, member)" in command(*words, "--keep", "name").error
    assert command(*words, "--keep", "city", "--keep", "id").code == 0
    assert list(pd.read_csv(tmp_path / "scored.csv"))[:3] == ["city", "id", "expected_none"]


MISFITS = {
    "two columns of one name": ("id,age,city", "age,age,city", "two columns named 'age'"),
    "semicolons": (",", ";", "separated by semicolons"),
    "missing column": ("age,city,member", "age,town,member", "no column 'city', which training had"),
    "text for a number": ("41,", "old,", "'age'"),
    "a name of predictions": ("id,age", "uplift_x,age", "'uplift_x' has a name of predictions"),
}
NEW = "id,age,city,member\n001,41,Ghent,True\n002,52,Porto,False\n"


@pytest.mark.parametrize(("before", "after", "said"), MISFITS.values(), ids=MISFITS)
def test_a_file_that_does_not_fit_ends_as_one_line(command, fitted, tmp_path, before, after, said):
    folder, _ = fitted
    (tmp_path / "new.csv").write_text(NEW.replace(before, after))
    ended = command("uplift", "score", folder / "run", tmp_path / "new.csv", "--out", tmp_path / "scored.csv")
    *notes, error = ended.err.splitlines()
    assert (ended.code, ended.out) == (2, "")
    assert error.startswith(f"error: {tmp_path / 'new.csv'}")
    assert said in error
    assert all(line.startswith(f"note: {tmp_path / 'new.csv'}: the column ") for line in notes)
    assert not (tmp_path / "scored.csv").exists()


def test_every_difference_of_a_file_that_does_not_fit_has_a_line(command, fitted, tmp_path):
    folder, _ = fitted
    (tmp_path / "new.csv").write_text("id,member\n1,True\n")
    ended = command("uplift", "score", folder / "run", tmp_path / "new.csv", "--out", tmp_path / "scored.csv")
    lines = ended.err.splitlines()
    assert len(lines) == 4
    for name in ("id", "age", "city"):
        assert sum(f"the column '{name}'" in line for line in lines[:3]) == 1


@pytest.mark.parametrize("text", ["", "id,age,city,member\n"])
def test_a_file_without_customers_is_refused(command, fitted, tmp_path, text):
    folder, _ = fitted
    (tmp_path / "new.csv").write_text(text)
    error = command("uplift", "score", folder / "run", tmp_path / "new.csv", "--out", tmp_path / "scored.csv").error
    assert "new.csv: " in error
    assert not (tmp_path / "scored.csv").exists()


def test_score_writes_compressed_text(command, fitted, tmp_path):
    folder, _ = fitted
    assert command("uplift", "score", folder / "run", folder / "new.csv", "--out", tmp_path / "s.csv.gz").code == 0
    assert len(pd.read_csv(tmp_path / "s.csv.gz")) == 50
    error = command("uplift", "score", folder / "run", folder / "new.csv", "--out", tmp_path / "s.tsv").error
    assert "must be .csv, .csv.gz or .parquet" in error


def test_score_refuses_what_it_cannot_write_or_read(command, fitted, tmp_path):
    folder, _ = fitted
    new, run = folder / "new.csv", folder / "run"
    assert "the ending" in command("uplift", "score", run, new, "--out", tmp_path / "scored.txt").error
    (tmp_path / "scored.csv").write_text("kept")
    assert "exists already" in command("uplift", "score", run, new, "--out", tmp_path / "scored.csv").error
    assert "no file" in command("uplift", "score", run, tmp_path / "no.csv", "--out", tmp_path / "other.csv").error
    assert "would be replaced" in command("uplift", "score", run, new, "--out", new, "--force").error
    error = command("uplift", "score", tmp_path / "nowhere", new, "--out", tmp_path / "other.csv").error
    assert "holds no uplift model" in error


def test_evaluate_finds_of_the_test_part_what_the_run_did(command, fitted, tmp_path):
    folder, _ = fitted
    words = ("uplift", "evaluate", folder / "run", folder / "run/scored.parquet", "--treatment", "arm")
    ended = command(*words, "--response", "response", "--json", "--out", tmp_path / "report.html")
    assert ended.json == json.loads((folder / "run/evaluation.json").read_text())
    assert "What was found" in (tmp_path / "report.html").read_text()
    assert "recipe.yaml" not in (tmp_path / "report.html").read_text().split("<main>")[1]


def test_evaluate_takes_the_columns_of_the_recipe(command, fitted, tmp_path):
    folder, _ = fitted
    experiment(300, seed=7).to_csv(tmp_path / "next.csv", index=False)
    ended = command("uplift", "evaluate", folder / "run", tmp_path / "next.csv", "--metric", "qini")
    assert ended.code == 0, ended.err
    assert "qini" in ended.out
    assert "auuc" not in ended.out
    assert "unknown uplift metric 'quini'" in (
        command("uplift", "evaluate", folder / "run", tmp_path / "next.csv", "--metric", "quini").error
    )
    error = command("uplift", "evaluate", folder / "run/model", tmp_path / "next.csv").error
    assert "name both" in error
    named = ("--treatment", "group", "--response", "spend")
    assert command("uplift", "evaluate", folder / "run/model", tmp_path / "next.csv", *named).code == 0


EXPERIMENTS = {
    "unknown arm": (lambda frame: frame.replace({"group": {"mail": "letter"}}), "unknown arm 'letter'"),
    "an arm without customers": (lambda frame: frame[frame["group"] != "mail"], "arm 'mail' has no customer"),
    "one row": (lambda frame: frame.head(1).assign(spend=5.0), "at least 2 are needed"),
    "no response": (lambda frame: frame.assign(spend=0.0), "0 for every customer"),
    "missing response": (lambda frame: frame.assign(spend=frame["spend"].where(frame.index != 3)), "row 3"),
    "missing column": (lambda frame: frame.drop(columns="age"), "unknown column 'age'"),
    "infinite response": (lambda frame: frame.assign(spend=frame["spend"].where(frame.index != 3, np.inf)), "row 3"),
    "text for a response": (lambda frame: frame.assign(spend="much"), "must be numbers"),
    "missing treatment": (lambda frame: frame.assign(group=frame["group"].where(frame.index != 4)), "row 4"),
}


@pytest.mark.parametrize(("change", "said"), EXPERIMENTS.values(), ids=EXPERIMENTS)
def test_an_experiment_that_cannot_be_evaluated(command, fitted, tmp_path, change, said):
    folder, _ = fitted
    change(experiment(100, seed=2)).to_csv(tmp_path / "next.csv", index=False)
    error = command("uplift", "evaluate", folder / "run", tmp_path / "next.csv").error
    assert error.startswith(f"error: {tmp_path / 'next.csv'}: ")
    assert said in error


def test_an_experiment_unlike_the_first_is_evaluated_and_told(command, fitted, tmp_path):
    folder, _ = fitted
    frame = experiment(300, seed=2).assign(spend=lambda frame: frame["spend"] - 1)
    frame.loc[:4, "city"], frame.loc[7, "age"] = "Lyon", np.nan
    frame.to_csv(tmp_path / "next.csv", index=False)
    ended = command("uplift", "evaluate", folder / "run", tmp_path / "next.csv")
    assert ended.code == 0
    assert "'city': 5 values of a category that training did not show ('Lyon')" in ended.err
    assert "'age': 1 value missing" in ended.err
    assert "the customers of the run" not in ended.err


def test_evaluate_says_so_where_the_model_was_fitted_to_these_customers(command, fitted):
    folder, _ = fitted
    ended = command("uplift", "evaluate", folder / "run", folder / "experiment.csv")
    assert ended.code == 0
    assert f"these are the customers of the run {folder / 'run'}" in ended.err


def test_an_experiment_that_holds_text_for_numbers_is_refused(command, fitted, tmp_path):
    folder, _ = fitted
    experiment(100, seed=2).assign(age="old").to_csv(tmp_path / "next.csv", index=False)
    error = command("uplift", "evaluate", folder / "run", tmp_path / "next.csv").error
    assert f"{tmp_path / 'next.csv'}: the column 'age' holds text ('old')" in error


@pytest.mark.parametrize(
    ("labels", "control"),
    [((0, 1, 2), None), (("C", "T", "U"), "C"), (("no", "yes", "maybe"), "'no'"), ((0.0, 1.0, 2.0), 0)],
)
def test_arms_go_by_any_names(command, fitted, tmp_path, labels, control):
    folder, _ = fitted
    frame = experiment(200)
    frame["group"] = frame["group"].map(dict(zip(ARMS, labels, strict=True)))
    frame.to_csv(tmp_path / "own.csv", index=False)
    change = "" if control is None else f", control: {control}"
    recipe = (folder / "tiny.yaml").read_text().replace(str(folder / "experiment.csv"), str(tmp_path / "own.csv"))
    recipe = recipe.replace(", control: none", change).replace("{mail: 0.5, call: 2}", "1")
    (tmp_path / "own.yaml").write_text(recipe)
    assert command("config", "validate", tmp_path / "own.yaml").code == 0


def test_what_yaml_makes_of_a_bare_no_is_told(command, fitted):
    folder, _ = fitted
    error = command("uplift", "fit", folder / "tiny.yaml", "customers.control=no", "--out", folder / "none").error
    assert "customers.control" in error
    assert "write 'no'" in error


def test_ids_are_ignored_where_they_are_named_and_told_where_not(command, fitted, tmp_path):
    folder, _ = fitted
    experiment(400).assign(id=lambda frame: "c" + frame["id"]).to_csv(tmp_path / "own.csv", index=False)
    change = [f"customers.path={tmp_path / 'own.csv'}", "customers.features=null", "model.training.epochs=1"]
    words = ("uplift", "fit", folder / "tiny.yaml", *change, "--workers", 1)
    told = command(*words, "--out", tmp_path / "told").err
    assert "'id' has 400 different texts among 400 customers" in told
    ended = command(*words, "customers.ignored=[id]", "--out", tmp_path / "ignored")
    assert (ended.code, ended.err) == (0, "")
    assert "id" not in pd.read_parquet(tmp_path / "ignored/scored.parquet")
    error = command(*words, "customers.ignored=[ids]", "--out", tmp_path / "no").error
    assert "unknown column 'ids', did you mean 'id'?" in error


def test_what_fitting_warns_of_is_a_remark(command, fitted, tmp_path, monkeypatch):
    folder, _ = fitted

    def fit(self, customers, sample_weight=None, report=None):
        warnings.warn("uplift is\nalmost constant", stacklevel=2)
        return real(self, customers, sample_weight, report)

    real = UpliftModel.fit_customers
    monkeypatch.setattr(UpliftModel, "fit_customers", fit)
    ended = command("uplift", "fit", folder / "tiny.yaml", "--out", tmp_path / "run", "--workers", 1)
    assert (ended.code, ended.err) == (0, "note: uplift is almost constant\n")


FITS = EXPERIMENTS | {
    "unknown arm": (lambda frame: frame.replace({"group": {"none": "nothing"}}), "unknown arm 'none'"),
    "an arm without customers": (lambda frame: frame[frame["group"] == "none"], "a treated arm"),
    "negative revenue": (lambda frame: frame.assign(spend=frame["spend"] - 1), "-1"),
    "infinite feature": (lambda frame: frame.assign(age=frame["age"].where(frame.index != 3, np.inf)), "infinite"),
    "too few customers": (lambda frame: frame.assign(spend=5.0).groupby("group").head(1), "too few"),
    "decimal commas": (
        lambda frame: frame.assign(spend=frame["spend"].map("{:.2f}".format).str.replace(".", ",")),
        ",",
    ),
    "dates": (lambda frame: frame.assign(city="2024-02-29"), "'city' holds date"),
    "two columns of one name": (lambda frame: frame.rename(columns={"id": "age"}), "two columns named 'age'"),
    "no row": (lambda frame: frame.head(0), "at least 2 are needed"),
}


@pytest.mark.parametrize(("change", "said"), FITS.values(), ids=FITS)
def test_an_experiment_that_cannot_be_fitted(command, fitted, tmp_path, change, said):
    folder, _ = fitted
    change(experiment(100, seed=2)).to_csv(tmp_path / "bad.csv", index=False)
    recipe = (folder / "tiny.yaml").read_text().replace(str(folder / "experiment.csv"), str(tmp_path / "bad.csv"))
    (tmp_path / "bad.yaml").write_text(recipe)
    error = command("uplift", "fit", tmp_path / "bad.yaml", "--out", tmp_path / "run", "--workers", 1).error
    assert said in error
    assert not (tmp_path / "run").exists()
    assert command("config", "validate", tmp_path / "bad.yaml").error == error


RECIPES = {
    "unknown key": ("seed: 3", "sead: 3", "line 4", "'split.sead'", "'seed'"),
    "unknown network": ("training:", "network: tarnett, training:", "line 5", "'tarnett'", "'tarnet'"),
    "unknown metric": ("auuc", "auucc", "line 6", "'auucc'", "'auuc'"),
    "cost of an unknown arm": ("call: 2", "coll: 2", "'coll'", "'call'"),
    "no cost of an arm": (", call: 2", "", "'call' has no cost"),
    "unknown source": ("kind: file", "kind: fil", "line 3", "customers.kind", "'file'"),
    "missing file": ("experiment.csv", "experiments.csv", "no file"),
    "share of one": ("test: 0.4", "test: 1", "line 4", "less than 1"),
    "unknown treatment": ("response: spend", "only: letter, response: spend", "'letter'", "mail"),
}


@pytest.mark.parametrize(("before", "after", "said"), [(a, b, said) for a, b, *said in RECIPES.values()], ids=RECIPES)
def test_a_mistake_in_an_uplift_recipe(command, fitted, tmp_path, before, after, said):
    folder, _ = fitted
    recipe = (folder / "tiny.yaml").read_text()
    assert recipe.count(before) == 1
    (tmp_path / "bad.yaml").write_text(recipe.replace(before, after))
    error = command("uplift", "fit", tmp_path / "bad.yaml", "--out", tmp_path / "run", "--workers", 1).error
    for words in said:
        assert words in error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("budget", [0, 0.49, 0.5, 1.99, 7.3, 25, 10_000])
def test_target_never_spends_more_than_the_budget(command, scored, tmp_path, budget):
    words = ("--cost", "mail=0.5", "--cost", "call=2", "--margin", "0.9", "--budget", budget)
    found = command("uplift", "target", scored, *words, "--out", tmp_path / "plan.csv", "--json").json
    plan = pd.read_csv(tmp_path / "plan.csv")
    cost = plan["treat_with"].map({"none": 0, "mail": 0.5, "call": 2})
    assert found["spent"] == pytest.approx(cost.sum())
    assert cost.sum() <= budget
    assert found["treated"] == {arm: int((plan["treat_with"] == arm).sum()) for arm in ("call", "mail")}
    given = [row[f"uplift_{row['treat_with']}"] if row["treat_with"] != "none" else 0 for _, row in plan.iterrows()]
    assert found["revenue"] == pytest.approx(sum(given), rel=1e-4, abs=1e-6)
    assert found["profit"] == pytest.approx(0.9 * sum(given) - cost.sum(), rel=1e-4, abs=1e-4)


def test_target_without_a_limit_treats_whoever_pays_with_what_pays_most(command, scored, tmp_path):
    words = ("--cost", "mail=0.5", "--cost", "call=2", "--margin", "0.9", "--out", tmp_path / "plan.parquet")
    ended = command("uplift", "target", scored, *words)
    assert ended.out.splitlines()[-1] == str(tmp_path / "plan.parquet")
    plan = pd.read_parquet(tmp_path / "plan.parquet")
    profit = pd.DataFrame({"none": 0.0, "mail": 0.9 * plan["uplift_mail"] - 0.5, "call": 0.9 * plan["uplift_call"] - 2})
    assert plan["treat_with"].tolist() == profit.idxmax(axis=1).tolist()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--cost", "much"), "'much' is no number; write --cost 0.5 or --cost ARM=0.5"),
        (("--cost", "mail=1"), "the treatment 'call' has no cost"),
        (("--cost", "male=1", "--cost", "call=1"), "unknown treatment with a cost 'male', did you mean 'mail'?"),
        (("--cost", "mail=1", "--cost", "mail=2"), "'mail' has a cost already"),
        (("--cost", "1", "--cost", "call=2"), "one cost for every arm, or one for each"),
        (("--margin", "0"), "margin"),
        (("--cost", "nan"), "cost"),
    ],
)
def test_a_mistake_in_costs(command, scored, words, said):
    assert said in command("uplift", "target", scored, *words).error


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda frame: frame.head(0), "there is no customer in it"),
        (lambda frame: frame.assign(uplift_mail=np.inf), "the uplift must be finite"),
        (lambda frame: frame.assign(uplift_mail="much"), "'uplift_mail' must hold numbers, found 'much'"),
    ],
)
def test_predictions_that_cannot_be_targeted(command, scored, tmp_path, change, said):
    change(pd.read_parquet(scored)).to_csv(tmp_path / "changed.csv", index=False)
    error = command("uplift", "target", tmp_path / "changed.csv", "--out", tmp_path / "plan.csv").error
    assert error.startswith(f"error: {tmp_path / 'changed.csv'}: ")
    assert said in error
    assert not (tmp_path / "plan.csv").exists()


def test_one_customer_is_targeted(command, scored, tmp_path):
    pd.read_parquet(scored).head(1).assign(uplift_mail=3.0, uplift_call=1.0).to_csv(tmp_path / "one.csv", index=False)
    words = ("--cost", "1", "--out", tmp_path / "plan.csv.gz", "--json")
    assert command("uplift", "target", tmp_path / "one.csv", *words).json["treated"] == {"call": 0, "mail": 1}
    assert pd.read_csv(tmp_path / "plan.csv.gz")["treat_with"].tolist() == ["mail"]


def test_target_refuses_what_is_not_scored_or_a_plan_already(command, fitted, scored, tmp_path):
    folder, _ = fitted
    assert "no column uplift_ARM" in command("uplift", "target", folder / "new.csv").error
    assert "would be replaced" in command("uplift", "target", scored, "--out", scored, "--force").error
    assert command("uplift", "target", scored, "--out", tmp_path / "plan.csv").code == 0
    assert "a column 'treat_with' already" in command("uplift", "target", tmp_path / "plan.csv").error
    broken = pd.read_parquet(scored)
    broken.loc[4, "uplift_mail"] = np.nan
    broken.to_parquet(tmp_path / "broken.parquet")
    assert f"{tmp_path / 'broken.parquet'}: the uplift must be finite" in (
        command("uplift", "target", tmp_path / "broken.parquet").error
    )


def test_one_cost_stands_for_every_arm(command, scored):
    one = command("uplift", "target", scored, "--cost", "0.7", "--json").json
    each = command("uplift", "target", scored, "--cost", "mail=0.7", "--cost", "call=0.7", "--json").json
    assert one == each


def test_members_tell_how_sure_a_plan_is(command, fitted, tmp_path):
    folder, _ = fitted
    words = ("uplift", "fit", folder / "tiny.yaml", "model.members=2", "--workers", 1, "--out", tmp_path / "run")
    assert command(*words).code == 0
    command("uplift", "score", tmp_path / "run", folder / "new.csv", "--out", tmp_path / "scored.csv")
    assert {"sd_mail", "sd_call"} <= set(pd.read_csv(tmp_path / "scored.csv"))
    found = command("uplift", "target", tmp_path / "scored.csv", "--json").json
    assert found["interval"][0] < found["revenue"] < found["interval"][1]


def test_demo_says_which_customers_they_are(command, fitted, tmp_path, monkeypatch):
    folder, _ = fitted
    from recval.declarations import read
    from recval.recipes.uplift import UpliftRecipe, demo

    monkeypatch.delenv("RECVAL_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    recipe, said = demo.demo_recipe()
    assert recipe.customers.kind == "semi-synthetic"
    assert said.startswith("the customers are made up")
    assert "\n" not in said
    small = read(folder / "tiny.yaml", UpliftRecipe)
    monkeypatch.setattr(demo, "demo_recipe", lambda: (small, said))
    ended = command("uplift", "demo", "--out", tmp_path / "demo")
    assert (ended.code, ended.err) == (0, f"note: {said}\n")
    assert (tmp_path / "demo/report.html").is_file()


@pytest.mark.skipif("RECVAL_DATA" not in os.environ, reason="Hillstrom's data is in the folder of RECVAL_DATA, not set")
def test_demo_takes_hillstroms_customers_where_they_are():
    from recval.recipes.uplift.demo import demo_recipe

    recipe, said = demo_recipe()
    assert recipe.customers.name == "hillstrom"
    assert "42,613 customers" in said


@pytest.mark.parametrize("verb", ["fit", "score", "evaluate", "target", "demo"])
def test_help_explains_each_command_with_examples(command, verb):
    ended = command("uplift", verb, "--help")
    assert ended.code == 0
    assert f"recval uplift {verb}" in ended.out
    assert "Examples" in ended.out


def test_help_shows_brackets_as_they_are_to_be_typed(command):
    assert "grid.network=[tarnet]" in command("uplift", "study", "--help").out


def test_a_recipe_of_uplift_is_told_by_its_customers(command, fitted, tmp_path):
    folder, _ = fitted
    path = folder / "tiny.yaml"
    assert command("config", "validate", path).out == f"{path}: valid\n"
    for given in ("run", "value", "tune", "value-study"):
        error = command(given, path, "--out", tmp_path / "out").error
        assert f"is an uplift recipe, which recval {given} does not take; use recval uplift fit {path}" in error
    error = command("uplift", "fit", "dvr-ml100k", "--out", tmp_path / "out").error
    assert "is a recipe, which recval uplift fit does not take; use recval run dvr-ml100k" in error
    assert "customers" in parse(path)[1]
