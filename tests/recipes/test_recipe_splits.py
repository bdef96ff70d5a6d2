"""What a recipe says of its split is what the functions of `recval.data` do."""

from __future__ import annotations

import pandas as pd
import pytest
import yaml

from recval.data import (
    in_train_vocabulary,
    k_fold,
    leave_k_out,
    load,
    load_split,
    split_by_ratio,
    split_by_time,
    split_given,
)
from recval.declarations import validate
from recval.errors import ConfigError, DataError
from recval.recipes import Recipe

REST = {"model": {"name": "Pop"}, "methods": {"plain": {"kind": "plain"}}}


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    """Interactions in a file, the same in parts, and the card of a data set in these parts."""
    frame = pd.DataFrame({"user": [*range(8)] * 12, "time": range(96)})
    place = frame.groupby("user").cumcount()
    frame["item"] = (frame["user"] * 7 + place * 3) % 41
    frame.to_csv(tmp_path / "all.csv", index=False)
    parts = {"train.csv": frame[place < 8], "valid.csv": frame[place.isin([8, 9])], "test.csv": frame[place >= 10]}
    for name, part in parts.items():
        part.to_csv(tmp_path / name, index=False)
    words = dict.fromkeys(("title", "description", "licence", "origin"), "x")
    card = {"name": "mine", **words, "source": {"path": "train.csv"}}
    card["split"] = {"valid": {"path": "valid.csv"}, "test": {"path": "test.csv"}}
    card["sizes"] = {"users": 8, "items": frame["item"].nunique(), "interactions": 96}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(card))
    monkeypatch.setenv("RECVAL_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def held_out(split, data=None):
    return validate({"data": data or {"path": "all.csv"}, "split": split, **REST}, Recipe).split_data()


def fold(number, **settings):
    return list(k_fold(load("all.csv"), **settings))[number]


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ({"kind": "ratio", "seed": 3}, lambda: split_by_ratio(load("all.csv"), rng=3)),
        ({"kind": "leave-k-out"}, lambda: leave_k_out(load("all.csv"))),
        ({"kind": "leave-k-out", "k": 3}, lambda: leave_k_out(load("all.csv"), 3)),
        (
            {"kind": "leave-k-out", "k": 2, "order": "random", "seed": 5},
            lambda: leave_k_out(load("all.csv"), 2, order="random", rng=5),
        ),
        ({"kind": "time", "ratios": [0.5, 0.25, 0.25]}, lambda: split_by_time(load("all.csv"), (0.5, 0.25, 0.25))),
        (
            {"kind": "given", "valid": {"path": "valid.csv"}, "test": {"path": "test.csv"}},
            lambda: split_given(load("train.csv"), load("valid.csv"), load("test.csv")),
        ),
        ({"kind": "card"}, lambda: load_split("mine.yaml")),
        ({"kind": "k-fold", "fold": 0}, lambda: fold(0)),
        (
            {"kind": "k-fold", "folds": 3, "fold": 2, "valid": 0.2, "seed": 4},
            lambda: fold(2, folds=3, valid=0.2, rng=4),
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:left out")
def test_a_split_of_a_recipe_is_that_of_the_function(split, expected):
    data = {"given": {"path": "train.csv"}, "card": "mine.yaml"}.get(split["kind"])
    assert held_out(split, data) == expected()
    assert held_out({**split, "vocabulary": "train"}, data) == in_train_vocabulary(expected())


def test_parts_with_users_that_training_lacks_need_the_vocabulary_of_training():
    given = {"kind": "given", "valid": {"path": "valid.csv"}, "test": {"path": "more.csv"}}
    pd.DataFrame({"user": [0, 9], "item": [40, 40], "time": [0, 0]}).to_csv("more.csv", index=False)
    with pytest.raises(DataError, match="split: user 9 of the test part has no interaction in the training part"):
        held_out(given, {"path": "train.csv"})
    with pytest.warns(UserWarning, match="left out"):
        assert held_out({**given, "vocabulary": "train"}, {"path": "train.csv"}).dropped[1] >= 1


@pytest.mark.parametrize(
    ("split", "data", "message"),
    [
        ({"kind": "k-fold"}, None, "the key 'split.fold' is missing"),
        ({"kind": "k-fold", "fold": 5}, None, "split: fold must be below the number of folds, 5. Got 5 instead"),
        ({"kind": "k-fold", "fold": 0, "folds": 1}, None, "split.folds: should be greater than or equal to 2"),
        ({"kind": "leave-k-out", "k": 0}, None, "split.k: should be greater than or equal to 1"),
        ({"kind": "leave-one-out"}, None, "split.kind: unknown value 'leave-one-out', did you mean 'leave-k-out'?"),
        (
            {"kind": "ratio", "vocabulary": "trian"},
            None,
            "split.vocabulary: unknown value 'trian', did you mean 'train'",
        ),
        (
            {"kind": "card"},
            None,
            "split: all.csv was not published with a split, which the kind card needs (with one: ",
        ),
        ({"kind": "card"}, "ml-100k", "split: ml-100k was not published with a split"),
    ],
)
def test_a_split_that_cannot_be_is_refused_with_its_key(split, data, message):
    with pytest.raises(ConfigError) as raised:
        held_out(split, data)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
