from __future__ import annotations

import json

import pytest
import yaml

from recval.backbones import cards
from recval.backbones.card_file import write_tuned
from recval.backbones.cards import ModelCard, model_cards, tuned
from recval.declarations import read, shipped, validate
from recval.errors import ConfigError
from recval.recipes.search import Search
from recval.training import Training

pytest.importorskip("optuna")

SEARCH = """\
description: tiny
data: {path: RATINGS, columns: {user: uid, item: iid, rating: stars, time: when}}
split: {kind: ratio, ratios: [0.6, 0.2, 0.2], seed: 3}
model: {name: LightGCN, parameters: {n_layers: 1}}
training: {epochs: 2, batch_size: 64, monitor: ndcg@5}
space:
  model: {embedding_size: {choices: [4, 8]}}
  training: {learning_rate: {low: 0.001, high: 0.1, log: true}}
trials: 3
parallel: 2
"""
CARD = """\
# Mine.
name: LightGCN
family: graph   # of users and items
title: Light
parameters:
  other: {n_layers: 3}  # theirs
  # all of them


# What it does.
description: >-
  # no comment
  d
measured: []
"""


@pytest.fixture
def search(tiny, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(SEARCH.replace("RATINGS", str(tiny.ratings)))
    return path


def test_tune_prints_the_best_and_what_to_write_into_the_card(command, search, tmp_path):
    out = tmp_path / "found"
    ended = command("tune", search, "--out", out, "--workers", 1)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[-1] == str(out / "best.json")
    best = json.loads((out / "best.json").read_text())
    entry = yaml.safe_load(ended.out.partition("for the model card:")[2].rpartition("\n\n")[0])
    assert entry == {"parameters": {"ratings": best["parameters"]}, "training": {"ratings": best["training"]}}
    assert "the best of 3 trials of LightGCN" in ended.out
    assert "failed" not in ended.out
    again = command("tune", search, "--out", out, "--workers", 1)
    assert again.out == ended.out
    assert command("tune", search, "trials=4", "--out", out, "--workers", 1).code == 0
    assert len(list((out / "trials").iterdir())) == 4


def test_overrides_reach_into_the_space(command, search, tmp_path):
    changes = ["trials=2", "space.training.learning_rate.low=0.09", "space.model.embedding_size.choices=[5,6]"]
    assert command("tune", search, *changes, "--out", tmp_path / "found", "--workers", 1).code == 0
    for path in (tmp_path / "found/trials").iterdir():
        chosen = json.loads(path.read_text())["chosen"]
        assert chosen["training.learning_rate"] >= 0.09
        assert chosen["model.embedding_size"] in (5, 6)


def test_the_folder_is_named_after_the_search(command, search, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command("tune", search, "--workers", 1).out.splitlines()[-1] == "search/mine/best.json"


def test_the_winner_goes_into_the_card_and_leaves_the_rest_as_it_was(command, search, tmp_path):
    card = tmp_path / "LightGCN.yaml"
    card.write_text(CARD)
    assert command("tune", search, "--out", tmp_path / "found", "--workers", 1, "--card", card).code == 0
    best = json.loads((tmp_path / "found/best.json").read_text())
    found = read(card, ModelCard)
    assert found.parameters == {"other": {"n_layers": 3}, "ratings": best["parameters"]}
    assert found.training == {"ratings": best["training"]}
    text = card.read_text()
    start, end = CARD.partition("parameters:")[0], CARD[CARD.index("\n\n# What it does.") :].partition("measured")[0]
    assert text.startswith(start)
    assert end in text
    assert text.endswith("measured: []\n")
    assert sorted(path.name for path in tmp_path.glob("*.yaml")) == ["LightGCN.yaml", "mine.yaml"]


@pytest.mark.parametrize("name", model_cards())
def test_every_shipped_card_can_be_written_to(tmp_path, name):
    """Once and again: the second time replaces the first."""
    path = tmp_path / f"{name}.yaml"
    path.write_bytes(shipped("models")[name].read_bytes())
    before = model_cards()[name]
    write_tuned(path, "mine", {"a": 1, "sizes": [64, 32]}, {"epochs": 3})
    write_tuned(path, "mine", {"a": 2}, {"learning_rate": 1e-5})
    after = read(path, ModelCard)
    assert after.parameters == {**before.parameters, "mine": {"a": 2}}
    assert after.training == {**before.training, "mine": {"learning_rate": 1e-5}}
    ours = {"parameters", "training"}
    assert after.model_dump(exclude=ours) == before.model_dump(exclude=ours)
    write_tuned(path, "mine", {}, {})
    assert read(path, ModelCard) == before


@pytest.mark.parametrize(
    "text",
    [
        CARD.replace("\n", "\r\n"),
        CARD.removesuffix("\n"),
        "parameters: {}\n" + CARD.partition("parameters")[0] + "description: é",
        CARD.partition("parameters")[0] + "description: d\nparameters:\n  x:\n    deep: [1, 2]\n",
        CARD.partition("parameters")[0] + 'description: "two\n  lines"',
    ],
    ids=["crlf", "no-end-of-line", "first", "last", "none"],
)
def test_a_card_of_any_form_keeps_its_values(tmp_path, text):
    path = tmp_path / "card.yaml"
    path.write_bytes(text.encode())
    before = read(path, ModelCard)
    write_tuned(path, "data", {"b": True}, {"epochs": 1})
    after = read(path, ModelCard)
    assert after.parameters == {**before.parameters, "data": {"b": True}}
    assert after.training == {"data": {"epochs": 1}}
    assert after.model_dump(exclude={"parameters", "training"}) == before.model_dump(exclude={"parameters", "training"})


def test_a_card_on_one_line_is_refused_and_kept(tmp_path):
    path = tmp_path / "card.yaml"
    path.write_text("{name: x, family: y, title: z, description: d}")
    with pytest.raises(ConfigError, match="a key on each line"):
        write_tuned(path, "data", {"b": 1}, {})
    assert path.read_text() == "{name: x, family: y, title: z, description: d}"


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "there is no card"), (CARD.replace("LightGCN", "BPR"), "is the card of BPR"), ("name: x\n", "is missing")],
)
def test_a_card_that_cannot_be_written_is_told_before_the_search(command, search, tmp_path, text, said):
    card = tmp_path / "card.yaml"
    if text is not None:
        card.write_text(text)
    assert said in command("tune", search, "--out", tmp_path / "found", "--card", card).error
    assert not (tmp_path / "found").exists()


def test_tuned_gives_what_the_card_holds(monkeypatch, tmp_path):
    (tmp_path / "BPR.yaml").write_text(CARD.replace("LightGCN", "BPR"))
    write_tuned(tmp_path / "BPR.yaml", "data", {"b": 1}, {"epochs": 2})
    monkeypatch.setattr(cards, "shipped", lambda kind: {"BPR": tmp_path / "BPR.yaml"})
    assert tuned("BPR", "data") == ({"b": 1}, {"epochs": 2})
    assert tuned("BPR", "other") == ({"n_layers": 3}, {})
    assert tuned("BPR", "unheard of") == tuned("NoCard", "data") == ({}, {})


def test_the_tuned_training_of_every_card_is_training():
    described = {
        (name, dataset): validate(settings, Training)
        for name, card in model_cards().items()
        for dataset, settings in card.training.items()
    }
    assert {("BPR", "ml-100k"), ("CompiledBPR", "ml-100k"), ("LightGCN", "ml-100k"), ("NeuMF", "ml-100k")} <= set(
        described
    )


def test_show_prints_tuned_training(command, monkeypatch, tmp_path):
    (tmp_path / "BPR.yaml").write_text(CARD.replace("LightGCN", "BPR"))
    write_tuned(tmp_path / "BPR.yaml", "data", {"b": 1}, {"patience": 77})
    monkeypatch.setattr(cards, "shipped", lambda kind: {"BPR": tmp_path / "BPR.yaml"})
    shown = " ".join(command("models", "show", "BPR").out.split())
    assert "training tuned on data" in shown
    assert "77" in shown


def test_bad_searches_end_as_one_line(command, search, tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(search.read_text().replace("learning_rate", "learning_rat"))
    error = command("tune", wrong).error
    assert "wrong.yaml, line 6: space: unknown setting of training to search 'learning_rat'" in error
    assert "did you mean 'learning_rate'" in error
    assert "unknown config" in command("tune", "tune-bprr").error


def test_config_knows_searches(command, search):
    assert command("config", "validate", search).out == f"{search}: valid\n"
    commands = {row["name"]: row["command"] for row in command("config", "list", "--json").json}
    assert commands["tune-bpr-ml100k"] == "recval tune"
    assert commands["dvr-ml100k"] == "recval run"
    wrong = search.with_name("wrong.yaml")
    wrong.write_text(search.read_text().replace("trials: 3", "trails: 3"))
    assert "unknown key 'trails', did you mean 'trials'?" in command("config", "validate", wrong).error


def test_every_shipped_search_holds_out_and_measures_alike():
    """What the cards say of models can be compared only where the data, the split and the metric are the same."""
    searches = [read(path, Search) for name, path in shipped("configs").items() if name.startswith("tune-")]
    assert {search.model.name for search in searches} >= {"BPR", "ItemKNN", "EASE", "LightGCN", "NeuMF", "CompiledBPR"}
    assert {(search.data, search.training.monitor) for search in searches} == {("ml-100k", "ndcg@10")}
    first = searches[0].split
    assert first.model_dump()["ratios"] == (0.8, 0.1, 0.1)
    assert all(search.split == first for search in searches)
