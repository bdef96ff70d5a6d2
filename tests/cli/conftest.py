from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from recval.cli import main

RECIPE = """\
description: tiny
data: {path: RATINGS, columns: {user: uid, item: iid, rating: stars, time: when}}
split: {kind: ratio, ratios: [0.6, 0.2, 0.2], seed: 3}
model: {name: BPR, parameters: {embedding_size: 8}}
training: {epochs: 2, batch_size: 32, learning_rate: 0.05, monitor: ndcg@5}
metrics: [ndcg@5, recall@5]
seeds: [0, 1]
methods:
  plain: {kind: plain}
  valued: {kind: dvr, interval: 1, users: 10, hidden: [8], temperature: 0.001}
  shuffled: {kind: shuffled, of: valued}
removal: {method: valued, fractions: [0.2], seeds: [0]}
"""


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        assert self.code == 0, self.err
        return json.loads(self.out)

    @property
    def error(self):
        """The message of a mistake: one line, and nothing else."""
        assert self.code == 2, (self.code, self.out, self.err)
        assert self.out == ""
        assert self.err.startswith("error: ")
        assert self.err.count("\n") == 1, self.err
        assert self.err.endswith("\n")
        return self.err


def run_command(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return Ended(ended.value.code or 0, out.getvalue(), err.getvalue())


def write_ratings(path):
    """Write 30 users with 8 to 12 of 40 items each; ids are text that a number would not keep."""
    rng = np.random.default_rng(5)
    rows = [
        f"{user:03d},i{item},{rng.integers(1, 6)},{1_000_000_000 + rng.integers(10**7)}"
        for user in range(30)
        for item in rng.choice(40, size=rng.integers(8, 13), replace=False)
    ]
    path.write_text("\n".join(["uid,iid,stars,when", *rows]) + "\n")


@dataclass
class Tiny:
    """A finished run of a tiny recipe.

    Attributes:
        folder: where the recipe and its data are.
        ended: how the command ended that ran it.
    """

    folder: Path
    ended: Ended

    @property
    def ratings(self):
        return self.folder / "ratings.csv"

    @property
    def recipe(self):
        return self.folder / "tiny.yaml"

    @property
    def run(self):
        return self.folder / "run"


@pytest.fixture(scope="session")
def command():
    """Runs `recval` with the given words, and returns how it ended."""
    return run_command


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A run that must not be changed."""
    folder = tmp_path_factory.mktemp("tiny")
    write_ratings(folder / "ratings.csv")
    (folder / "tiny.yaml").write_text(RECIPE.replace("RATINGS", str(folder / "ratings.csv")))
    return Tiny(folder, run_command("run", folder / "tiny.yaml", "--out", folder / "run", "--workers", 1))
