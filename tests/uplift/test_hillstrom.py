"""The known table of customers, its card, and what happens where one kind of data set is taken for the other."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import recval
from recval.data import CustomersCard, dataset_card, datasets, known_card, known_cards
from recval.declarations import validate
from recval.errors import ConfigError, DataError, RecvalError
from recval.recipes.schema import Recipe
from recval.uplift import FeatureEncoder, load

FILE = Path(os.environ.get("RECVAL_DATA", "."), "hillstrom", "hillstrom.csv.gz")
needs_file = pytest.mark.skipif(not FILE.exists(), reason="needs hillstrom/hillstrom.csv.gz below RECVAL_DATA")
ROWS = "age,mail,spend,visit\n30,no,0,0\n40,yes,9.5,1\n,no,0,1\n"


def message_of(call, *arguments, error=DataError, **keywords):
    with pytest.raises(RecvalError) as raised:
        call(*arguments, **keywords)
    assert type(raised.value) is error
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.fixture
def card(tmp_path):
    """Writes a card of three customers in a CSV file, with whatever is to be different, and returns its path."""
    (tmp_path / "rows.csv").write_text(ROWS)

    def write(**changes):
        values = {
            "name": "mine",
            **dict.fromkeys(("title", "description", "licence"), "x"),
            "origin": "ask the author",
            "kind": "customers",
            "source": {"path": str(tmp_path / "rows.csv")},
            "sha256": {"rows.csv": hashlib.sha256(ROWS.encode()).hexdigest()},
            "treatment": "mail",
            "arms": {"no": 2, "yes": 1},
            "responses": ["spend", "visit"],
        }
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump(values | changes, sort_keys=False))
        return str(path)

    return write


@needs_file
@pytest.mark.parametrize("response", ["spend", "visit", "conversion"])
def test_hillstrom_is_what_a_plain_reader_finds(response):
    customers = load("hillstrom", response)
    plain = pd.read_csv(FILE)
    assert len(customers) == len(plain) == 64_000
    assert customers.arms == ("No E-Mail", "Mens E-Mail", "Womens E-Mail")
    assert customers.sizes == plain["segment"].value_counts().to_dict()
    assert (np.array(customers.arms)[customers.arm] == plain["segment"]).all()
    assert (customers.response == plain[response]).all()
    means = plain.groupby("segment")[response].mean()
    for arm, name in enumerate(customers.arms):
        assert customers.response[customers.arm == arm].mean() == pytest.approx(means[name], rel=1e-12)
    expected = plain.drop(columns=["segment", "visit", "conversion", "spend"])
    assert list(customers.features) == list(expected)
    assert (customers.features.astype(expected.dtypes) == expected).all(axis=None)
    assert customers.truth is None
    assert customers.propensity is None


@needs_file
def test_hillstrom_has_its_published_figures():
    """Visits of 10.6, 18.3 and 15.1 %, and 578 buyers, are in every account of the challenge."""
    spend, visit = load("hillstrom"), load("hillstrom", "visit")
    assert spend.sizes == {"No E-Mail": 21306, "Mens E-Mail": 21307, "Womens E-Mail": 21387}
    assert (spend.response > 0).sum() == 578
    assert spend.response.max() == 499
    assert [round(visit.response[visit.arm == arm].mean(), 4) for arm in range(3)] == [0.1062, 0.1828, 0.1514]
    assert [round(spend.response[spend.arm == arm].mean(), 4) for arm in range(3)] == [0.6528, 1.4226, 1.0772]


@needs_file
def test_hillstrom_is_encoded_as_a_plain_computation_does():
    features = load("hillstrom").features
    encoder = FeatureEncoder.fit(features)
    found = encoder.encode(features)
    plain = pd.read_csv(FILE)
    numbers = plain[["recency", "history", "mens", "womens", "newbie"]].astype(float)
    np.testing.assert_allclose(found.numeric, (numbers - numbers.mean()) / numbers.std(ddof=0), rtol=1e-5, atol=1e-5)
    codes = plain[["history_segment", "zip_code", "channel"]].apply(lambda column: column.rank(method="dense"))
    assert (found.codes == codes.to_numpy()).all()
    assert encoder.cardinalities == (8, 4, 4)
    assert encoder.differences(features) == []


def test_a_data_set_that_is_not_there_says_where_it_is_obtained(tmp_path, monkeypatch):
    monkeypatch.setenv("RECVAL_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    said = message_of(load, "hillstrom")
    assert said.startswith("hillstrom: there is no file hillstrom/hillstrom.csv; Kevin Hillstrom, MineThatData")
    assert "blog.minethatdata.com" in said
    assert "RECVAL_DATA" in said


def test_one_s_own_card_is_named_by_its_path(card):
    customers = load(card())
    assert customers.arms == ("no", "yes")
    assert customers.response.tolist() == [0, 9.5, 0]
    assert customers.features["age"].isna().tolist() == [False, False, True]
    assert load(card(arms={"yes": 1, "no": 2}), "visit").arm.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("changes", "response", "error", "said"),
    [
        ({"sha256": {"rows.csv": "0" * 64}}, None, DataError, "rows.csv: its sha256 is "),
        ({"arms": {"no": 1, "yes": 2}}, None, DataError, "mine: read the arms {'no': 2, 'yes': 1}, but its card says"),
        ({"arms": {"no": 2, "maybe": 1}}, None, DataError, "mine: the treatment, row 1: unknown arm 'yes'"),
        ({"treatment": "post"}, None, DataError, "mine: unknown column 'post'"),
        ({"responses": ["spent"]}, None, DataError, "mine: unknown column 'spent', did you mean 'spend'?"),
        ({}, "visits", ConfigError, "mine: unknown response 'visits', did you mean 'visit'?"),
        ({}, "age", ConfigError, "mine: unknown response 'age'"),
        ({"arms": {"no": 3}}, None, ConfigError, "arms: "),
        ({"kind": "people"}, None, ConfigError, "people"),
    ],
)
def test_a_table_that_is_not_the_one_of_the_card_is_refused(card, changes, response, error, said):
    assert said in message_of(load, card(**changes), response, error=error)


def test_a_table_of_customers_is_no_interactions(card):
    said = "is a table of customers, not of interactions; read it with recval.uplift.load('hillstrom')"
    for call in (recval.load, dataset_card):
        assert message_of(call, "hillstrom", error=ConfigError) == f"hillstrom {said}"
    path = card()
    assert (
        f"mine is a table of customers, not of interactions; read it with recval.uplift.load('{path}')"
        == message_of(recval.load, path, error=ConfigError)
    )
    recipe = {"data": "hillstrom", "model": "BPR"}
    assert said in message_of(validate, recipe, Recipe, error=ConfigError)


def test_interactions_are_no_table_of_customers():
    said = "ml-100k holds interactions, not customers; read it with recval.load('ml-100k')"
    assert message_of(load, "ml-100k", error=ConfigError) == said
    assert "unknown data set 'hillstorm', did you mean 'hillstrom'?" in message_of(load, "hillstorm", error=ConfigError)


def test_the_catalogue_knows_both_kinds():
    assert isinstance(known_card("hillstrom"), CustomersCard)
    assert set(known_cards()) - set(datasets()) == {"hillstrom"}
