from __future__ import annotations

import csv
import gzip
import hashlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

ML_100K = Path(find_spec("recbole").origin).parent / "dataset_example/ml-100k"


def test_list_shows_the_sizes_of_the_cards(command):
    (row,) = [row for row in command("data", "list", "--json").json if row["name"] == "ml-100k"]
    assert (row["users"], row["items"], row["interactions"]) == (943, 1682, 100_000)
    assert not row["split"]
    assert "MovieLens 100K" in command("data", "list").out


def test_describe_tells_what_is_known_of_movielens(command):
    """The figures are those that GroupLens gives in the README of ml-100k, and counts of its u.data."""
    found = command("data", "describe", "ml-100k", "--json").json
    assert (found["users"], found["items"], found["interactions"]) == (943, 1682, 100_000)
    assert found["density"] == pytest.approx(0.063047, abs=1e-6)
    assert found["per_user"] == {"min": 20, "median": 65, "max": 737}
    assert found["per_item"] == {"min": 1, "median": 27, "max": 583}
    assert found["rating"] == {"1": 6110, "2": 11370, "3": 27145, "4": 34174, "5": 21201}
    assert found["time"] == {"first": "1997-09-20T03:05:10+00:00", "last": "1998-04-22T23:10:38+00:00"}
    names = ", ".join(f"ml-100k.{ending}" for ending in ("inter", "item", "kg", "link", "user"))
    assert found["sha256"] == f"verified for {names}"
    graph = pd.read_csv(ML_100K / "ml-100k.kg", sep="\t", names=["head", "relation", "tail"], skiprows=1)
    assert found["knowledge"] == {
        "triples": len(graph),
        "entities": len({*graph["head"], *graph["tail"]}),
        "relations": graph["relation"].nunique(),
        "linked items": 1598,
    }
    assert "split" not in found


def test_describe_of_a_file_agrees_with_counting(command, tiny):
    frame = pd.read_csv(tiny.ratings, dtype=str)
    columns = ("--user", "uid", "--item", "iid", "--rating", "stars", "--time", "when")
    found = command("data", "describe", tiny.ratings, *columns, "--json").json
    users, items = frame["uid"].value_counts(), frame["iid"].value_counts()
    assert (found["users"], found["items"], found["interactions"]) == (len(users), len(items), len(frame))
    assert found["per_user"] == {"min": users.min(), "median": users.median(), "max": users.max()}
    assert found["per_item"] == {"min": items.min(), "median": items.median(), "max": items.max()}
    assert found["rating"] == frame["stars"].value_counts().to_dict()
    assert found["columns"] == ["user", "item", "rating", "time"]
    assert found["sha256"] == hashlib.sha256(tiny.ratings.read_bytes()).hexdigest()


def test_the_checksum_is_of_the_content_as_on_a_card(command, tiny, tmp_path):
    packed = tmp_path / "ratings.csv.gz"
    packed.write_bytes(gzip.compress(tiny.ratings.read_bytes()))
    found = command("data", "describe", packed, "--user", "uid", "--item", "iid", "--json").json
    assert found["sha256"] == hashlib.sha256(tiny.ratings.read_bytes()).hexdigest()


def test_describe_gives_quartiles_where_ratings_are_many(command, tmp_path):
    path = tmp_path / "plays.csv"
    frame = pd.DataFrame({"user": range(101), "item": 0, "rating": np.arange(101) * 2.0})
    frame.to_csv(path, index=False)
    found = command("data", "describe", path, "--json").json["rating"]
    assert found == {"min": 0, "lower quartile": 50, "median": 100, "upper quartile": 150, "max": 200}


@pytest.mark.parametrize("time", [1e18, -1e15])
def test_describe_shows_a_time_that_is_no_date_as_a_number(command, tmp_path, time):
    (tmp_path / "far.csv").write_text(f"user,item,time\n1,1,{time:.0f}\n")
    assert command("data", "describe", tmp_path / "far.csv", "--json").json["time"]["first"] == f"{time:g}"


def test_describe_for_people_names_every_fact(command, tiny):
    ended = command("data", "describe", tiny.ratings, "--user", "uid", "--item", "iid")
    for name in ("users", "items", "interactions", "density", "per user", "per item", "columns", "sha256"):
        assert name in ended.out


def test_a_data_set_in_parts_is_described_by_all_and_by_each(command, tmp_path):
    parts = {"train.txt": "0 1 2 3\n1 2 3\n", "valid.txt": "0 4\n", "test.txt": "0 5\n1 1\n"}
    for name, text in parts.items():
        (tmp_path / name).write_text(text)
    train, valid, test = ({"path": str(tmp_path / name), "reader": "adjacency"} for name in parts)
    words = dict.fromkeys(("title", "description", "licence", "origin"), "x")
    card = {"name": "mine", **words, "source": train, "split": {"valid": valid, "test": test}}
    card["sizes"] = {"users": 2, "items": 5, "interactions": 8}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(card))
    found = command("data", "describe", tmp_path / "mine.yaml", "--json").json
    assert found["interactions"] == 8
    assert found["split"] == {"train": 5, "validation": 1, "test": 2}
    assert "train 5, validation 1, test 2" in command("data", "describe", tmp_path / "mine.yaml").out
    out = tmp_path / "out.csv"
    assert command("data", "convert", tmp_path / "mine.yaml", "--out", out).code == 0
    assert len(pd.read_csv(out)) == 8


def test_files_without_a_header_and_adjacency_lists_are_read_where_one_says_so(command, tmp_path):
    (tmp_path / "u.data").write_text("1;2;5\n1;3;4\n2;2;3\n")
    words = ("--reader", "csv", "--separator", ";", "--header", "user,item,rating")
    found = command("data", "describe", tmp_path / "u.data", *words, "--json").json
    assert (found["users"], found["items"], found["rating"]) == (2, 2, {"3": 1, "4": 1, "5": 1})
    (tmp_path / "train.txt").write_text("1 2 3\n2 2\n")
    out = tmp_path / "out.csv"
    assert command("data", "convert", tmp_path / "train.txt", "--reader", "adjacency", "--out", out).code == 0
    assert out.read_text().replace('"', "").split() == ["user,item", "1,2", "1,3", "2,2"]


def test_the_cache_is_listed_and_cleared(command, tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("RECVAL_CACHE", str(tmp_path / "cache"))
    assert command("data", "cache", "list", "--json").json == []
    command("data", "describe", tiny.ratings, "--user", "uid", "--item", "iid")
    (row,) = command("data", "cache", "list", "--json").json
    assert (row["source"], row["interactions"]) == (str(tiny.ratings), len(pd.read_csv(tiny.ratings)))
    assert str(tiny.ratings)[:20] in command("data", "cache", "list").out
    assert command("data", "cache", "clear").out == "entries removed: 1\n"
    assert command("data", "cache", "list", "--json").json == []


def same(path, frame):
    found = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype={"user": str, "item": str})
    pd.testing.assert_frame_equal(found, frame, check_dtype=False)


def test_convert_keeps_ids_and_values_from_file_to_file(command, tmp_path):
    frame = pd.DataFrame(
        {
            "user": ["007", "7", 'a "quoted", id', "007"],
            "item": ["i,1", "2", "ü", "1e5"],
            "rating": [0.1, 5.0, 1 / 3, -2.0],
            "time": [1e9, 881250949.0, 1600000000.25, 0.0],
            "shop": ["", "a,b", "[bold]", 'c"d'],
        }
    )
    frame.rename(columns={"user": "who"}).to_csv(tmp_path / "0.csv", index=False)
    assert command("data", "convert", tmp_path / "0.csv", "--user", "who", "--out", tmp_path / "1.parquet").code == 0
    assert command("data", "convert", tmp_path / "1.parquet", "--out", tmp_path / "2.csv").code == 0
    assert command("data", "convert", tmp_path / "2.csv", "--out", tmp_path / "3.parquet").code == 0
    same(tmp_path / "1.parquet", frame)
    same(tmp_path / "2.csv", frame.assign(shop=[np.nan, *frame["shop"][1:]]))
    same(tmp_path / "3.parquet", frame)


def test_convert_reads_other_separators(command, tmp_path):
    frame = pd.DataFrame({"user": ["1", "2"], "item": ["3", "4"]})
    frame.to_csv(tmp_path / "a.csv", index=False, sep=";")
    frame.to_csv(tmp_path / "b.tsv", index=False, sep="\t")
    assert command("data", "convert", tmp_path / "a.csv", "--separator", ";", "--out", tmp_path / "a.parquet").code == 0
    assert command("data", "convert", tmp_path / "b.tsv", "--out", tmp_path / "b.parquet").code == 0
    same(tmp_path / "a.parquet", frame)
    same(tmp_path / "b.parquet", frame)


@pytest.mark.parametrize("source", ["ml-100k", ML_100K, ML_100K / "ml-100k.inter"])
def test_convert_reads_atomic_files(command, tmp_path, source):
    out = tmp_path / "out.csv"
    assert command("data", "convert", source, "--out", out).code == 0
    names = ["user", "item", "rating", "time"]
    original = pd.read_csv(ML_100K / "ml-100k.inter", sep="\t", skiprows=1, names=names, quoting=csv.QUOTE_NONE)
    pd.testing.assert_frame_equal(pd.read_csv(out), original, check_dtype=False)


def test_convert_replaces_a_file_only_when_told_to(command, tiny, tmp_path):
    out = tmp_path / "out.csv"
    out.write_text("precious")
    words = ("data", "convert", tiny.ratings, "--user", "uid", "--item", "iid", "--out", out)
    assert "exists already; replace it with --force" in command(*words).error
    assert out.read_text() == "precious"
    assert command(*words, "--force").code == 0
    assert out.read_text().startswith('"user","item"')


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["describe", "ml100k"], "unknown data set 'ml100k', did you mean 'ml-100k'?"),
        (["describe", "no-such.csv"], "no file no-such.csv"),
        (["describe", "no-such.parquet"], "no file no-such.parquet"),
        (["describe", "no-such.yaml"], "no file no-such.yaml"),
        (["describe", "RATINGS"], "no column 'user' for the user (found: uid, iid, stars, when)"),
        (["describe", "RATINGS", "--user", "uuid"], "no column 'uuid' for the user, did you mean 'uid'?"),
        (["describe", "RATINGS", "--user", "uid", "--item", "uid"], "the column 'uid' cannot be the user and the item"),
        (["describe", "RATINGS", "--separator", "::"], "separator"),
        (["describe", "ml-100k", "--user", "uid"], "the card of ml-100k says how to read it"),
        (["describe", "ml-100k", "--reader", "csv", "--user", "uid"], "the card of ml-100k says how to read it"),
        (["describe", "RATINGS", "--reader", "adjacent"], "unknown value 'adjacent', did you mean 'adjacency'?"),
        (["describe", "RATINGS", "--reader", "adjacency", "--user", "u"], "an adjacency list has none to name"),
        (["describe", "RATINGS", "--reader", "atomic", "--header", "user,item"], "only a CSV file may have none"),
        (["describe", "no-such.txt", "--reader", "adjacency"], "no file no-such.txt"),
        (["convert", "ml-100k", "--out", "FOLDER/out.txt"], "must be .csv, .parquet or .json"),
        (["convert", "ml-100k", "--out", "FOLDER"], "must be .csv, .parquet or .json"),
        (["convert", "RATINGS", "--out", "FOLDER/out.csv"], "no column 'user'"),
    ],
)
def test_mistakes(command, tiny, tmp_path, words, said):
    words = [word.replace("RATINGS", str(tiny.ratings)).replace("FOLDER", str(tmp_path)) for word in words]
    assert said in command("data", *words).error
    assert not any(tmp_path.iterdir())


def test_customers_are_listed_and_described_as_what_they_are(command, tmp_path):
    (row,) = [row for row in command("data", "list", "--json").json if row["name"] == "hillstrom"]
    assert (row["customers"], row["users"], row["interactions"], row["split"]) == (64_000, None, None, None)
    (tmp_path / "rows.csv").write_text("age,mail,spend\n30,no,0\n40,yes,9\n,no,3\n")
    card = {"name": "mine", **dict.fromkeys(("title", "description", "licence", "origin"), "x"), "kind": "customers"}
    card |= {"source": {"path": str(tmp_path / "rows.csv")}, "treatment": "mail", "arms": {"no": 2, "yes": 1}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({**card, "responses": ["spend"]}, sort_keys=False))
    assert command("data", "describe", tmp_path / "mine.yaml", "--json").json == {
        "customers": 3,
        "arms": {"no": 2, "yes": 1},
        "responses": {"spend": {"positive": 2 / 3, "mean": {"no": 1.5, "yes": 9}}},
        "features": ["age"],
        "sha256": "none on the card",
    }
    shown = command("data", "describe", tmp_path / "mine.yaml").out
    assert "no 2, yes 1 (the first is the control)" in shown
    assert "66.7 % positive; mean: no 1.5, yes 9" in shown
    said = command("data", "convert", tmp_path / "mine.yaml", "--out", tmp_path / "out.csv").error
    assert "mine is a table of customers; only interactions are converted" in said
    assert not (tmp_path / "out.csv").exists()
