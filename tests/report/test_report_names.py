import numpy as np
import pandas as pd
import pytest
import yaml

from recval.errors import ConfigError, DataError
from recval.report.names import data_title, with_names

RATINGS = "user_id:token\titem_id:token\trating:float\nann\ti1\t5\nann\ti2\t1\nbob\ti2\t3.5\n"
TITLES = 'item_id:token\ttitle:token_seq\ni2\tÆon Flux\ni1\tSeven "7" & <b>\n'


@pytest.fixture
def card(tmp_path):
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "films.inter").write_text(RATINGS, encoding="utf8")
    (folder / "films.item").write_text(TITLES, encoding="utf8")

    def write(**changes):
        facts = {"description": "d", "licence": "l", "origin": "o", "item_title": "title"}
        sizes = {"users": 2, "items": 2, "interactions": 3}
        source = {"path": str(folder), "reader": "atomic"}
        path = tmp_path / "card.yaml"
        path.write_text(
            yaml.safe_dump({"name": "films", "title": "Films!", **facts, "source": source, "sizes": sizes, **changes})
        )
        return str(path)

    return write


@pytest.fixture
def pairs():
    """Two that there are, one pair that there is not, an unknown user, an unknown item; the index is not 0, 1, …."""
    users, items = ["bob", "ann", "bob", "zoe", "ann"], ["i2", "i1", "i1", "i1", "i9"]
    return pd.DataFrame({"user": users, "item": items}, index=[7, 3, 9, 1, 5])


def test_titles_and_ratings(card, pairs):
    named = with_names(pairs, card())
    first = 'Seven "7" & <b>'
    assert named["title"].tolist() == ["Æon Flux", first, first, first, None]
    np.testing.assert_array_equal(named["rating"], [3.5, 5, np.nan, np.nan, np.nan])
    assert named.index.equals(pairs.index)


def test_a_source_without_a_card_has_ratings_but_no_titles(tmp_path, pairs):
    path = tmp_path / "r.csv"
    path.write_text("user,item,rating\nann,i1,5\nbob,i2,3.5\n")
    named = with_names(pairs, {"path": str(path)})
    assert named["title"].tolist() == [None] * 5
    np.testing.assert_array_equal(named["rating"], [3.5, 5, np.nan, np.nan, np.nan])


def test_data_without_ratings(tmp_path, pairs):
    path = tmp_path / "r.csv"
    path.write_text("user,item\nann,i1\nbob,i2\n")
    assert with_names(pairs, {"path": str(path)})["rating"].isna().all()


def test_what_is_wrong_is_told(card, pairs):
    with pytest.raises(DataError, match="no field 'name'"):
        with_names(pairs, card(item_title="name"))
    with pytest.raises(ConfigError):
        with_names(pairs, "no-such-data")
    with pytest.raises(ConfigError):
        with_names(pairs, {"path": "r.csv", "colour": "red"})


def test_title_of_the_data(card):
    assert data_title(card()) == "Films!"
    assert data_title("no-longer-known") == "no-longer-known"
    assert data_title({"path": "folder/r.csv"}) == "folder/r.csv"
