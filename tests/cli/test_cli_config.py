from __future__ import annotations

import os

import pytest

from recval.data import known_card
from recval.declarations import shipped
from recval.yaml_file import parse


def test_list_names_every_recipe_and_what_it_asks(command):
    rows = command("config", "list", "--json").json
    assert [row["name"] for row in rows] == list(shipped("configs"))
    assert all(row["description"] for row in rows)
    assert all(name in command("config", "list").out for name in shipped("configs"))


def test_list_names_the_command_that_a_file_is_for(command):
    commands = {row["name"]: row["command"] for row in command("config", "list", "--json").json}
    assert commands["value-ml100k"] == commands["valuation-ml100k-noisy"] == "recval value"
    assert commands["dvr-ml100k"] == "recval run"
    assert commands["dvr-noise"] == "recval value-study"
    assert commands["tune-bpr-ml100k"] == "recval tune"
    assert commands["uplift-hillstrom"] == "recval uplift fit"


@pytest.mark.parametrize("name", shipped("configs"))
def test_show_and_copy_give_the_file_as_it_is(command, tmp_path, name):
    text = shipped("configs")[name].read_text()
    assert command("config", "show", name).out == text
    assert command("config", "copy", name, tmp_path / "mine.yaml").code == 0
    assert (tmp_path / "mine.yaml").read_text() == text


@pytest.mark.parametrize("name", shipped("configs"))
def test_every_shipped_recipe_is_valid(command, name):
    values = parse(shipped("configs")[name])[1]
    sources = values.get("customers", {})
    sources = sources.values() if "reference" in values else [sources]
    named = [source.get("name") or source.get("features") for source in sources]
    for data in {values["data"]} if "data" in values else set(filter(None, named)):
        if "RECVAL_DATA" in known_card(data).origin and "RECVAL_DATA" not in os.environ:
            pytest.skip(f"the data set {data} is in the folder that RECVAL_DATA names, which is not set")
    ended = command("config", "validate", name)
    assert ended.code == 0, ended.err
    assert ended.out.endswith("valid\n")


def test_copy_replaces_a_file_only_when_told_to(command, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("precious")
    assert f"{mine} exists already; replace it with --force" in command("config", "copy", "dvr-ml100k", mine).error
    assert mine.read_text() == "precious"
    assert command("config", "copy", "dvr-ml100k", mine, "--force").code == 0
    assert mine.read_text() != "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]


@pytest.mark.parametrize(
    ("name", "said"),
    [("mine.txt", "must end in .yaml"), ("", "must end in .yaml"), ("file/mine.yaml", "cannot be written")],
)
def test_copy_refuses_where_it_cannot_write(command, tmp_path, name, said):
    (tmp_path / "file").write_text("kept")
    assert said in command("config", "copy", "dvr-ml100k", tmp_path / name).error
    assert [path.name for path in tmp_path.rglob("*")] == ["file"]


def test_a_folder_is_not_replaced(command, tmp_path):
    (tmp_path / "mine.yaml").mkdir()
    assert "is a folder" in command("config", "copy", "dvr-ml100k", tmp_path / "mine.yaml", "--force").error


@pytest.mark.parametrize("verb", [("show",), ("validate",), ("copy",)])
def test_an_unknown_recipe_is_named_with_the_nearest(command, tmp_path, verb):
    destination = [tmp_path / "mine.yaml"] if verb == ("copy",) else []
    error = command("config", *verb, "dvr-ml10k", *destination).error
    assert "unknown config 'dvr-ml10k', did you mean 'dvr-ml100k'?" in error
    assert not any(tmp_path.iterdir())


def test_a_recipe_that_ran_is_valid(command, tiny):
    ended = command("config", "validate", tiny.recipe)
    assert (ended.code, ended.out) == (0, f"{tiny.recipe}: valid\n")
    assert command("config", "validate", tiny.run / "recipe.yaml").code == 0


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("name: BPR", "name: BRP", "'BRP', did you mean 'BPR'?"),
        ("recall@5", "recal@5", "'recal', did you mean 'recall'?"),
        ("epochs: 2", "epoch: 2", "unknown key 'training.epoch', did you mean 'epochs'?"),
        ("ratings.csv", "rating.csv", "no file"),
        ("kind: plain", "kind: plane", "'plane', did you mean 'plain'?"),
    ],
)
def test_validate_finds_what_a_run_would(command, tiny, tmp_path, before, after, said):
    path = tmp_path / "mine.yaml"
    path.write_text(tiny.recipe.read_text().replace(before, after))
    assert said in command("config", "validate", path).error
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]


@pytest.mark.parametrize(
    ("given", "name", "said"),
    [
        ("run", "tune-bpr-ml100k", "is a search, which recval run does not take; use recval tune tune-bpr-ml100k"),
        ("tune", "dvr-ml100k", "is a recipe, which recval tune does not take; use recval run dvr-ml100k"),
        ("value-study", "dvr-ml100k", "is a recipe, which recval value-study does not take; use recval run dvr-ml100k"),
    ],
)
def test_a_file_for_another_command_is_told_with_that_command(command, tmp_path, monkeypatch, given, name, said):
    monkeypatch.chdir(tmp_path)
    assert said in command(given, name).error
    assert not any(tmp_path.iterdir())


def test_a_study_is_told_by_its_backbones(command, tiny, tmp_path):
    study = tmp_path / "mine.yaml"
    model = "model: {name: BPR, parameters: {embedding_size: 8}}"
    study.write_text(tiny.recipe.read_text().replace(model, f"backbones: {{MF: {{{model}}}}}"))
    assert command("config", "validate", study).code == 0
    for given in ("run", "tune"):
        assert f"is a study, which recval {given} does not take; use recval value-study {study}" in (
            command(given, study, "--out", tmp_path / "out").error
        )


@pytest.mark.parametrize("given", ["run", "tune", "value-study"])
def test_a_file_of_no_sort_is_read_as_what_the_command_takes(command, tmp_path, given):
    path = tmp_path / "mine.yaml"
    path.write_text("description: nothing else\n")
    assert "is missing" in command(given, path, "--out", tmp_path / "out").error
    path.write_text("")
    assert "expected keys and values, found nothing" in command(given, path, "--out", tmp_path / "out").error
