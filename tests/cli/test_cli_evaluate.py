from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
import torch

from recval.declarations import read
from recval.ranking import Evaluator, ItemSets
from recval.recipes import Recipe


@pytest.fixture(scope="module")
def split(tiny):
    return read(tiny.recipe, Recipe).split_data()


@pytest.fixture(scope="module")
def scores(split):
    """A score of every user and item."""
    return np.random.default_rng(0).random((len(split.users), len(split.items)))


@pytest.fixture
def written(tmp_path, split, scores):
    """Writes the scores, changed, to a file."""

    def write(name="theirs.csv", change=lambda frame: frame, separator=","):
        users, items = np.indices(scores.shape).reshape(2, -1)
        names = {"user": split.users.names(users), "item": split.items.names(items), "score": scores.ravel()}
        frame, path = change(pd.DataFrame(names)), tmp_path / name
        frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_csv(path, index=False, sep=separator)
        return path

    return write


def expected(split, scores, metrics=("ndcg@5", "recall@5")):
    evaluate = Evaluator(split.test, ItemSets.of(split.train, split.valid), metrics)
    return evaluate(lambda users: torch.from_numpy(scores)[users])


@pytest.mark.parametrize("name", ["theirs.csv", "theirs.tsv", "theirs.parquet"])
def test_scores_are_evaluated_as_a_models_are(command, tiny, split, scores, written, name):
    path = written(name, separator="\t" if name.endswith("tsv") else ",")
    for config in (tiny.run, tiny.recipe):
        found = command("evaluate", path, config, "--json").json
        assert found["metrics"] == pytest.approx(expected(split, scores).means)
        assert found["pairs"] == scores.size
        assert found["seen_pairs"] == len(split.train) + len(split.valid)
        for name_ in ("unknown_pairs", "unknown_users", "unknown_items", "users_without_scores"):
            assert found[name_] == 0


def test_a_perfect_system_scores_one_and_an_empty_one_nothing(command, tiny, split, tmp_path):
    held_out = split.test.to_frame()[["user", "item"]].assign(score=1.0)
    held_out.to_csv(tmp_path / "perfect.csv", index=False)
    found = command("evaluate", tmp_path / "perfect.csv", tiny.run, "--metric", "ndcg@10", "--json").json
    assert found["metrics"] == {"ndcg@10": pytest.approx(1)}
    split.train.to_frame()[["user", "item"]].assign(score=1.0).to_csv(tmp_path / "seen.csv", index=False)
    found = command("evaluate", tmp_path / "seen.csv", tiny.run, "--json").json
    assert set(found["metrics"].values()) == {0}
    assert found["seen_pairs"] == found["pairs"] == len(split.train)


def test_items_without_a_score_are_not_recommended(command, tiny, split, scores, written):
    kept = scores > 0.7
    path = written(change=lambda frame: frame[kept.ravel()])
    found = command("evaluate", path, tiny.run, "--json").json
    assert found["metrics"] == pytest.approx(expected(split, np.where(kept, scores, -np.inf)).means)


def test_what_is_unknown_is_counted(command, tiny, split, scores, written):
    def change(frame):
        strange = [("nobody", "i1", 9.0), ("nobody", "i2", 9.0), ("000", "nothing", 9.0)]
        frame = frame[~frame["user"].isin(["003", "004"])]
        return pd.concat([frame, pd.DataFrame(strange, columns=["user", "item", "score"])])

    ended = command("evaluate", written(change=change), tiny.run, "--json")
    assert ended.err == ""
    found = ended.json
    counts = {name: found[name] for name in ("unknown_pairs", "unknown_users", "unknown_items", "users_without_scores")}
    assert counts == {"unknown_pairs": 3, "unknown_users": 1, "unknown_items": 1, "users_without_scores": 2}
    silent = scores.copy()
    silent[split.users.find(["003", "004"])] = -np.inf
    assert found["metrics"] == pytest.approx(expected(split, silent).means)


def test_ranks_and_other_columns(command, tiny, split, scores, written):
    def change(frame):
        place = frame.groupby("user")["score"].rank(ascending=False).astype(int)
        return frame.assign(place=place, score=0.0).rename(columns={"user": "uid", "item": "iid"})

    words = ["--user", "uid", "--item", "iid", "--rank", "place", "--json"]
    found = command("evaluate", written(change=change), tiny.run, *words).json
    assert found["metrics"] == pytest.approx(expected(split, scores).means)
    tied = written(change=lambda frame: frame.assign(place=1))
    assert "rank 1 occurs twice" in command("evaluate", tied, tiny.run, "--rank", "place").error


def test_what_is_written_can_be_compared(command, tiny, split, scores, written, tmp_path):
    for ending in ("parquet", "csv"):
        out = tmp_path / f"theirs-per-user.{ending}"
        ended = command("evaluate", written(), tiny.run, "--out", out)
        assert ended.code == 0, ended.err
        assert f"{expected(split, scores).means['ndcg@5']:.4g}" in ended.out
        found = command("compare", f"{tiny.run}:plain", out, "--json").json
        plain = pd.read_parquet(tiny.run / "per_user.parquet").query("method == 'plain'").groupby("user")["ndcg@5"]
        ours = expected(split, scores).per_user["ndcg@5"].to_numpy()
        assert found["tests"][0]["difference"] == pytest.approx((ours - plain.mean().to_numpy()).mean())
    assert "exists already" in command("evaluate", written(), tiny.run, "--out", out).error
    refused = command("evaluate", written(), tiny.run, "--out", tmp_path / "theirs.json").error
    assert "must be .parquet or .csv" in refused


def test_what_was_written_on_other_data_is_refused(command, tiny, written, tmp_path):
    out = tmp_path / "out.parquet"
    other = tmp_path / "other.yaml"
    other.write_text(tiny.recipe.read_text().replace("seed: 3", "seed: 4"))
    assert command("evaluate", written(), other, "--out", out).code == 0
    assert "are of different data or splits" in command("compare", f"{tiny.run}:plain", out).error


def test_data_that_is_no_longer_what_it_was_is_refused(command, tiny, written, tmp_path):
    shutil.copytree(tiny.run, tmp_path / "run", ignore=shutil.ignore_patterns("trials"))
    recipe = tmp_path / "run/recipe.yaml"
    recipe.write_text(recipe.read_text().replace("seed: 3", "seed: 4"))
    assert "the data is no longer what it was in this run" in command("evaluate", written(), tmp_path / "run").error


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.rename(columns={"score": "scores"}), "unknown column 'score', did you mean 'scores'?"),
        (lambda frame: pd.concat([frame, frame[:1]]), "occurs twice"),
        (lambda frame: frame.assign(score=np.nan), "the column 'score' must hold numbers"),
        (lambda frame: frame.assign(user=frame["user"] + "x"), "of a user and an item of the data"),
        (lambda frame: frame.assign(item=None), "the item is missing"),
    ],
)
def test_scores_that_cannot_be_used_are_refused(command, tiny, written, change, message):
    assert message in command("evaluate", written(change=change), tiny.run).error


def test_files_that_are_not_there_or_of_no_format_are_refused(command, tiny, tmp_path):
    assert "there is no file" in command("evaluate", tmp_path / "none.csv", tiny.run).error
    (tmp_path / "scores.txt").write_text("x")
    assert "a .csv, .tsv or .parquet file" in command("evaluate", tmp_path / "scores.txt", tiny.run).error
