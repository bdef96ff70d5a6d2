"""Context-aware models of the RecBole bridge: side fields as numbers, joined to pairs."""

import numpy as np
import pyarrow as pa
import pytest
import torch
from recbole_samples import build_small, described, interactions, samples_of

from recval.backbones.recbole import build
from recval.backbones.recbole.features import features_of
from recval.data import Vocabulary
from recval.errors import ConfigError


def feature(values):
    values = values if isinstance(values, pa.Array) else pa.array(values)
    ids = pa.array(range(len(values)))
    return features_of(Vocabulary(ids, pa.table({"field": values})))["field"]


@pytest.mark.parametrize(
    "values",
    [
        ["b", "a", "b", None],
        [7, 3, 7, None],
        pa.array(["b", "a", "b", None]).dictionary_encode(),
        [True, False, True, None],
    ],
)
def test_a_token_is_numbered_by_its_first_occurrence(values):
    found = feature(values)
    assert (found.kind, found.size, found.length) == ("token", 3, 1)
    assert found.values.tolist() == [0, 1, 2, 1, 0]


@pytest.mark.parametrize(
    "values", [["x y", "", None, " y  z x"], [["x", "y"], [], None, ["y", "z", "x"]]], ids=["text", "lists"]
)
def test_a_sequence_is_padded_to_the_longest(values):
    found = feature(values)
    assert (found.kind, found.size, found.length) == ("token_seq", 4, 3)
    assert found.values.tolist() == [[0, 0, 0], [1, 2, 0], [0, 0, 0], [0, 0, 0], [2, 3, 1]]


def test_a_number_is_scaled_and_the_mean_stands_for_what_is_missing():
    found = feature([10.0, None, 30.0, float("nan"), 50.0])
    assert (found.kind, found.size) == ("float", 2)
    assert found.values.tolist() == [[0, 1], [0, 1], [0.5, 1], [0.5, 1], [0.5, 1], [1, 1]]


@pytest.mark.parametrize("values", [[3.0, 3.0], [None, None]])
def test_a_number_that_tells_nothing_is_zero(values):
    assert feature(pa.array(values, pa.float64())).values[:, 0].tolist() == [0, 0, 0]


def test_fields_are_joined_to_interactions_and_to_negatives():
    data = described()
    backbone = build_small("FM", data)
    batch = samples_of(backbone, data)
    rows = backbone._rows(batch)
    users, items = features_of(data.users), features_of(data.items)
    both = torch.cat([batch.item, batch.negative])
    assert set(rows) == {"user_id", "item_id", "label", "age", "city", "genres", "year"}
    assert torch.equal(rows["item_id"], both + 1)
    assert torch.equal(rows["genres"], items["genres"].values[both + 1])
    assert torch.equal(rows["age"], users["age"].values[batch.user.repeat(2) + 1])
    assert rows["label"].tolist() == [1] * len(batch) + [0] * len(batch)


@pytest.mark.parametrize("name", ["FM", "DeepFM", "DSSM", "AutoInt"])
def test_a_score_is_recboles_prediction_of_the_pair(name):
    data = described()
    backbone = build_small(name, data).eval()
    scores = backbone.score(torch.arange(7))
    with torch.no_grad():
        one = backbone.model.predict(backbone._pairs(torch.tensor([4]), torch.tensor([9])))
    assert scores[3, 8].item() == pytest.approx(one.item(), abs=1e-6)


def test_a_model_sees_the_fields_that_it_is_given():
    data = described()
    assert build("FM", data, {"features": ["genres", "age"]}).model.field_names == [
        "user_id",
        "item_id",
        "age",
        "genres",
    ]
    with pytest.raises(ConfigError, match=r"unknown side field 'genre', did you mean 'genres'\?"):
        build("FM", data, {"features": ["genre"]})


def test_without_side_fields_the_ids_are_left():
    backbone = build("FM", interactions(rating=np.ones(30), time=np.arange(30.0)))
    assert backbone.model.token_field_names == ["user_id", "item_id"]
    assert backbone.score(torch.arange(7)).shape == (7, 11)


def test_a_field_of_users_and_items_is_two_fields():
    data = described()
    fields = pa.table({"year": pa.array([1.0] * 7), "rating": pa.array(["a"] * 7)})
    twice = type(data)(data.table, Vocabulary(data.users.ids, fields), data.items)
    assert {"year", "user:year", "rating"} <= set(build("FM", twice).model.field_names)
