from __future__ import annotations

import pytest

from recval.backbones import default_parameters, models
from recval.backbones.cards import ModelCard, model_cards
from recval.declarations import read
from recval.errors import ConfigError
from recval.ranking import parse


def test_list_shows_every_recommender_and_whether_it_has_a_card(command):
    rows = command("models", "list", "--json").json
    assert [row["name"] for row in rows] == models()
    with_card = {row["name"] for row in rows if row["card"]}
    assert with_card == set(model_cards()) >= {"BPR", "NeuMF", "LightGCN", "NGCF", "EASE", "Pop"}
    assert {row["source"] for row in rows} == {"recval", "RecBole"}
    families = {row["name"]: row["family"] for row in rows}
    assert (families["SASRec"], families["FM"], families["CKE"]) == ("sequential", "context-aware", "knowledge-aware")
    assert families["recbole:LightGCN"] == "general"
    table = command("models", "list").out
    assert all(name in table for name in models())


def test_table_says_what_a_model_can_be_used_for(command):
    lines = command("models", "table", "SASRec", "EASE", "KGAT").out.splitlines()
    assert lines[2:] == [
        "| EASE | general | yes | - | anybody | complete as built |",
        "| SASRec | sequential | yes | yes | anybody |  |",
        "| KGAT | knowledge-aware | no | - | - | needs the package dgl |",
    ]


@pytest.mark.parametrize("name", model_cards())
def test_a_card_agrees_with_what_it_describes(name):
    card = model_cards()[name]
    assert card.name == name
    defaults = default_parameters(name)
    assert all(set(parameters) <= set(defaults) for parameters in card.parameters.values())
    for figures in (*card.published, *card.measured):
        for metric, value in figures.metrics.items():
            parse(metric)
            assert 0 < value < 1


def test_show_gives_the_card_and_the_defaults(command):
    found = command("models", "show", "LightGCN", "--json").json
    assert found.pop("defaults") == default_parameters("LightGCN")
    assert found == model_cards()["LightGCN"].model_dump(mode="json")
    shown = command("models", "show", "LightGCN").out
    for words in ("SIGIR 2020", "n_layers", "gowalla", "recall@20 0.183", "BARS"):
        assert words in shown


def test_show_of_a_recommender_without_card_gives_the_defaults(command):
    assert "DMF" not in model_cards()
    defaults = default_parameters("DMF")
    assert command("models", "show", "DMF", "--json").json == {"name": "DMF", "defaults": defaults}
    shown = command("models", "show", "DMF").out
    assert "no card" in shown
    assert all(name in shown for name in defaults)


def test_an_unknown_model_is_named_with_the_nearest(command):
    error = command("models", "show", "LightGNC").error
    assert "'LightGNC', did you mean 'LightGCN'?" in error


def test_a_malformed_card_is_refused(tmp_path):
    (tmp_path / "x.yaml").write_text("name: x\nfamily: y\ntitle: z\ndescription: d\npublisht: []\n")
    with pytest.raises(ConfigError, match=r"line 5: unknown key 'publisht', did you mean 'published'\?"):
        read(tmp_path / "x.yaml", ModelCard)
