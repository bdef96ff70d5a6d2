from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from uplift_samples import experiment

STUDY = """\
description: tiny
customers:
  made up: {kind: semi-synthetic, generator: {family: ziln, rows: 600}}
  shop: {kind: file, path: EXPERIMENT, treatment: group, response: spend, control: none, features: [age, city, member]}
test: 0.4
repeats: 2
base: {training: {epochs: 2, batch_size: 128}}
grid: {head: [mse, ziln]}
methods:
  ridge: {kind: ridge}
  the young: {kind: feature, column: age, sign: -1}
reference: ridge
metrics: [spearman, pehe/sd, auuc, lift@30]
rankings: 20
"""


@pytest.fixture(scope="module")
def finished(command, tmp_path_factory):
    """A folder with an experiment, a study of it and its finished folder, and how the command ended."""
    folder = tmp_path_factory.mktemp("uplift-study")
    experiment().to_csv(folder / "experiment.csv", index=False)
    (folder / "tiny.yaml").write_text(STUDY.replace("EXPERIMENT", str(folder / "experiment.csv")))
    return folder, command("uplift", "study", folder / "tiny.yaml", "--out", folder / "study", "--workers", 1)


def kept(folder):
    """The bytes of what a study found, without how long that took."""
    found = {name: (folder / name).read_bytes() for name in ("study.json", "study.yaml", "data.json")}
    cells = {path.relative_to(folder): json.loads(path.read_text())["arms"] for path in folder.rglob("cells/*/*/*")}
    return found, cells


def test_tables_are_printed_and_the_folder_is_whole(finished):
    folder, ended = finished
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[-1] == str(folder / "study/study.html")
    for title in ("made up, treatment 1", "shop, call", "shop, mail"):
        assert f"{title}: means over repeats" in ended.out
    assert re.search(r"the young +ridge ", ended.out)
    assert ended.out.count("repeats above + below random rankings") == 2
    assert re.search(r"the young +\d \+ \d of 2 +\d \+ \d of 2", ended.out)
    assert len(list((folder / "study").rglob("cells/*/*/*.json"))) == 2 * 4 * 2
    assert not list((folder / "study").rglob("*.tmp"))
    table = json.loads((folder / "study/study.json").read_text())
    assert {row["metric"] for row in table if row["customers"] == "shop"} == {"auuc", "lift@30"}
    of_age = {row["metric"] for row in table if (row["customers"], row["method"]) == ("made up", "the young")}
    assert of_age == {"spearman", "auuc", "lift@30"}
    seconds = json.loads((folder / "study/seconds.json").read_text())
    assert all(row["seconds"] > 0 and row["processor_seconds"] > 0 and not row["failed"] for row in seconds)


def test_the_report_is_whole_in_itself(finished):
    folder, _ = finished
    body = (folder / "study/study.html").read_text().split("<main>")[1]
    assert not re.search(r"(src|href)=", body)
    assert "<h2>shop, mail</h2>" in body
    assert body.count('id="figure-') == 2 + 4 + 4
    assert "of 2 outside the band" in body


def test_json_is_what_the_folder_holds(command, finished):
    folder, _ = finished
    found = command("uplift", "study", folder / "tiny.yaml", "--out", folder / "study", "--workers", 1, "--json").json
    assert found["table"] == json.loads((folder / "study/study.json").read_text())
    assert found["seconds"] == json.loads((folder / "study/seconds.json").read_text())


@pytest.mark.slow
def test_two_workers_find_what_one_finds(command, finished, tmp_path):
    folder, _ = finished
    ended = command("uplift", "study", folder / "tiny.yaml", "--out", tmp_path / "two", "--workers", 2)
    assert ended.code == 0, ended.err
    assert kept(tmp_path / "two") == kept(folder / "study")


def test_what_is_missing_is_done_again_and_nothing_else(command, finished, tmp_path):
    folder, _ = finished
    shutil.copytree(folder / "study", tmp_path / "run")
    (tmp_path / "run/study.json").unlink()
    (tmp_path / "run/cells/shop/ziln/1.json").unlink()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("cells/*/*/*")}
    assert command("uplift", "study", folder / "tiny.yaml", "--workers", 1, "--out", tmp_path / "run").code == 0
    assert kept(tmp_path / "run") == kept(folder / "study")
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())


@pytest.mark.slow
def test_killed_and_continued_equals_never_killed(command, finished, tmp_path):
    folder, _ = finished
    words = ["uplift", "study", str(folder / "tiny.yaml"), "--workers", "1", "--quiet", "--out", str(tmp_path / "run")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-m", "recval", *words], env=environment)
    first = tmp_path / "run/cells/made-up/mse/0.json"
    while process.poll() is None and not first.exists():
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "run/study.json").exists()
    written = first.stat().st_mtime_ns
    assert command(*words).code == 0
    assert kept(tmp_path / "run") == kept(folder / "study")
    assert first.stat().st_mtime_ns == written


def test_a_folder_of_another_study_is_left_alone(command, finished, tmp_path):
    folder, _ = finished
    words = ("uplift", "study", folder / "tiny.yaml")
    assert "holds another study" in command(*words, "repeats=3", "--out", folder / "study").error
    (tmp_path / "notes.txt").write_text("mine")
    assert "is not empty and holds no study" in command(*words, "--out", tmp_path).error


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("referense=ridge", "unknown key 'referense', did you mean 'reference'?"),
        ("grid.head=[zil]", "unknown value 'zil', did you mean 'ziln'?"),
        ("methods.ridge.alpha=2", "unknown key 'methods.ridge.alpha' (allowed: kind, penalty)"),
        ("customers.shop.path=none.csv", "customers shop: "),
        ("test=1", "test: "),
        ("repeats=0", "repeats: "),
    ],
)
def test_a_mistake_is_one_line(command, finished, tmp_path, change, said):
    folder, _ = finished
    assert said in command("uplift", "study", folder / "tiny.yaml", change, "--out", tmp_path / "run").error
    assert not (tmp_path / "run").exists()


def test_files_are_for_their_own_command(command, finished):
    folder, _ = finished
    assert "use recval uplift study" in command("uplift", "fit", folder / "tiny.yaml").error
    assert "use recval uplift fit" in command("uplift", "study", "uplift-semi-synthetic").error
    assert command("config", "validate", folder / "tiny.yaml").code == 0
