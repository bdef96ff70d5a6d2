from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import recval
from recval.declarations import read
from recval.recipes import Recipe

METHODS = """\
methods:
  plain: {kind: plain}
  wide: {kind: plain, model: {name: BPR, parameters: {embedding_size: 16}}, training: {epochs: 1}}
references: [{name: EASE}, {name: Pop}]
"""


@pytest.fixture(scope="module")
def run(tiny, command, tmp_path_factory):
    """A run with a method under settings of its own, and two references."""
    folder = tmp_path_factory.mktemp("recommend")
    (folder / "recipe.yaml").write_text(tiny.recipe.read_text().split("methods:")[0] + METHODS)
    ended = command("run", folder / "recipe.yaml", "--out", folder / "run", "--workers", 1)
    assert ended.code == 0, ended.err
    return folder / "run"


@pytest.mark.parametrize("method", ["plain", "wide"])
def test_recommendations_are_those_of_the_model_that_was_trained(run, command, tmp_path, method):
    out = tmp_path / "found.parquet"
    ended = command("recommend", run, "--method", method, "--seed", 1, "-k", 5, "--out", out)
    assert ended.code == 0, ended.err
    recipe = read(run / "recipe.yaml", Recipe)
    again = recval.fit(
        recipe.split_data(),
        "BPR",
        parameters=recipe.model_of(method).parameters,
        training=recipe.training_of(method),
        metrics=recipe.metrics,
        rng=1,
    )
    expected = again.recommend(k=5)
    found = pd.read_parquet(out)
    pd.testing.assert_frame_equal(found, expected)
    kept = json.loads((run / f"trials/methods/{method}/1/metrics.json").read_text())
    assert kept["metrics"] == again.metrics
    assert kept["epochs"] == (2 if method == "plain" else 1)


def test_all_formats_hold_the_same_and_users_are_chosen(run, command, tmp_path):
    frames = []
    for ending, read_back in (("csv", pd.read_csv), ("parquet", pd.read_parquet), ("json", pd.read_json)):
        out = tmp_path / f"found.{ending}"
        assert command("recommend", run, "--user", "003", "--user", "017", "--out", out).code == 0
        frame = read_back(out) if ending == "parquet" else read_back(out, dtype={"user": str})
        frames.append(frame)
    assert frames[0]["user"].unique().tolist() == ["003", "017"]
    for frame in frames[1:]:
        pd.testing.assert_frame_equal(frame, frames[0], check_dtype=False, rtol=1e-9)
    assert "003" in command("recommend", run, "--user", "003", "-k", 3).out


def test_ease_recommends_to_new_users_what_they_have_not_seen(run, command, tmp_path):
    (tmp_path / "new.csv").write_text("user,item\nanna,i1\nanna,i2\nben,i3\nben,unheard\n")
    out = tmp_path / "found.csv"
    ended = command("recommend", run, "--method", "EASE", "--histories", tmp_path / "new.csv", "-k", 40, "--out", out)
    assert ended.code == 0, ended.err
    found = pd.read_csv(out)
    anna = found[found.user == "anna"]
    assert not {"i1", "i2"} & set(anna["item"])
    assert anna["rank"].tolist() == list(range(1, len(anna) + 1))
    assert (np.diff(anna["score"]) <= 0).all()


def test_a_run_whose_data_changed_is_refused(run, command, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    recipe = tmp_path / "run/recipe.yaml"
    recipe.write_text(recipe.read_text().replace("seed: 3", "seed: 4"))
    assert "the data is no longer what it was in this run" in command("recommend", tmp_path / "run").error


def test_mistakes_are_told(run, command, tmp_path):
    assert "unknown method 'plane', did you mean 'plain'?" in command("recommend", run, "--method", "plane").error
    assert "unknown seed '7' (allowed: 0, 1)" in command("recommend", run, "--seed", 7).error
    assert "unknown id 'x'" in command("recommend", run, "--user", "x").error
    (tmp_path / "new.csv").write_text("user,item\ncara,unheard\n")
    told = command("recommend", run, "--method", "EASE", "--histories", tmp_path / "new.csv").error
    assert "user cara has no interaction with any of the" in told
    (tmp_path / "new.csv").write_text("user,item\ncara,i1\n")
    assert "knows only the users" in command("recommend", run, "--histories", tmp_path / "new.csv").error
    assert "must be .csv, .parquet or .json" in command("recommend", run, "--out", tmp_path / "x.txt").error
