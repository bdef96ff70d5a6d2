"""A run that is killed again and again, and continued, ends with the bytes of a run that was left alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import recval

KILLS = 20
RECIPE = """\
data: {path: RATINGS, columns: {user: user, item: item, rating: rating, time: time}}
split: {kind: ratio, seed: 1}
model: {name: BPR, parameters: {embedding_size: 16}}
training: {epochs: 40, batch_size: 512, learning_rate: 0.01, patience: 40, validate_every: 2}
metrics: [ndcg@10, recall@10]
seeds: [0, 1]
methods:
  plain: {kind: plain}
  compiled: {kind: r-ce, model: {name: CompiledBPR, parameters: {embedding_size: 16}}}
  valued: {kind: dvr, interval: 2}
references: [{name: EASE}]
removal: {method: valued, fractions: [0.2], seeds: [0]}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")
    data = recval.load("ml-100k")
    few = data.take(data.user < 300)
    few.to_frame()[["user", "item", "rating", "time"]].to_csv(folder / "ratings.csv", index=False)
    (folder / "recipe.yaml").write_text(RECIPE.replace("RATINGS", str(folder / "ratings.csv")))
    return folder


def start(folder, out, workers):
    """Start the run in a process group of its own, so that a kill reaches its workers too."""
    command = [sys.executable, "-m", "recval", "run", "recipe.yaml", "--out", out, "--workers", str(workers), "--quiet"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, stdout=subprocess.DEVNULL)


TIMED = {"seconds", "relative"}


def contents(run: Path) -> dict[str, object]:
    """Return the bytes of all that a run found, and its valuations without the seconds that they took.

    The log, the record of the environment, and the report, which shows these seconds, tell of the way there.
    """
    told = {"log.jsonl", "environment.json", "report.html", "valuation.json"}
    valuation = json.loads((run / "valuation.json").read_text())
    methods = {
        name: {key: value for key, value in found.items() if key not in TIMED}
        for name, found in valuation.pop("methods").items()
    }
    return {"valuation": (valuation, methods)} | {
        str(path.relative_to(run)): path.read_bytes()
        for path in sorted(run.rglob("*"))
        if path.is_file() and path.name not in told and not path.name.endswith(".tmp")
    }


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_runs_that_are_killed_at_twenty_points_end_as_one_that_is_not(folder, workers):
    alone = folder / f"alone-{workers}"
    began = time.monotonic()
    assert start(folder, alone, workers).wait() == 0
    length = time.monotonic() - began
    expected = contents(alone)
    generator, kills, run = np.random.default_rng(workers), 0, 0
    while True:
        out = folder / f"killed-{workers}-{run}"
        patience = generator.uniform(0.1, 0.7) * length if kills < KILLS else None
        process = start(folder, out, workers)
        try:
            assert process.wait(timeout=patience) == 0
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
            continue
        assert contents(out) == expected
        run += 1
        if kills == KILLS:
            return
