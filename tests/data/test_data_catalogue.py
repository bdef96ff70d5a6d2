from __future__ import annotations

import gzip
import hashlib

import pytest
import yaml

from recval.data import DatasetCard, DataSource, dataset_card, datasets, load
from recval.declarations import validate
from recval.errors import ConfigError, DataError, RecvalError

RATINGS = "user,item,rating\n1,10,5\n1,11,2\n2,10,4\n"


def message_of(call, *arguments, error=DataError, **keywords):
    with pytest.raises(RecvalError) as raised:
        call(*arguments, **keywords)
    assert type(raised.value) is error
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.fixture
def card(tmp_path):
    """Writes a card of three ratings in a CSV file, with whatever is to be different, and returns its path."""
    (tmp_path / "ratings.csv").write_text(RATINGS)

    def write(**changes):
        values = {
            "name": "mine",
            "title": "Mine",
            "description": "Three ratings.",
            "licence": "CC0",
            "origin": "ask the author",
            "source": {"path": str(tmp_path / "ratings.csv")},
            "sha256": {"ratings.csv": hashlib.sha256(RATINGS.encode()).hexdigest()},
            "sizes": {"users": 2, "items": 2, "interactions": 3},
        }
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump(values | changes))
        return str(path)

    return write


def test_every_card_is_valid_and_bears_the_name_of_its_file():
    cards = datasets()
    assert "ml-100k" in cards
    for name, known in cards.items():
        assert isinstance(known, DatasetCard)
        assert known.name == name


def test_movielens_100k_is_read_with_its_fields():
    interactions = load("ml-100k")
    assert (len(interactions.users), len(interactions.items), len(interactions)) == (943, 1682, 100_000)
    assert interactions.table.column_names == ["user", "item", "rating", "time"]
    assert sorted(set(interactions.column("rating"))) == [1, 2, 3, 4, 5]
    assert interactions.user_counts().min() >= 20
    titles = interactions.items.fields[dataset_card("ml-100k").item_title]
    assert titles[interactions.items.codes([1])[0]].as_py() == "Toy Story"
    assert len(titles) == len(interactions.items)


def test_one_s_own_card_is_named_by_its_path(card):
    interactions = load(card())
    assert interactions.to_frame().to_dict("list") == {
        "user": ["1", "1", "2"],
        "item": ["10", "11", "10"],
        "rating": [5.0, 2.0, 4.0],
    }


def test_a_file_that_is_not_the_one_of_the_card_is_refused(card, tmp_path):
    path = card()
    (tmp_path / "ratings.csv").write_text(RATINGS.replace("5", "3"))
    message = message_of(load, path)
    assert message.startswith(f"{tmp_path / 'ratings.csv'}: its sha256 is ")
    assert "but the card of mine says " in message
    (tmp_path / "ratings.csv").unlink()
    assert message_of(load, path) == f"mine: there is no file {tmp_path / 'ratings.csv'}; ask the author"


def test_checksums_are_of_the_files_in_a_folder_where_the_source_is_one(card, tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    atomic = "user_id:token\titem_id:token\n1\t10\n1\t11\n2\t10\n"
    (folder / "set.inter").write_text(atomic)
    changes = {"source": {"path": str(folder)}, "sha256": {"set.inter": hashlib.sha256(atomic.encode()).hexdigest()}}
    assert len(load(card(**changes))) == 3
    assert message_of(load, card(**changes | {"sha256": {"set.item": "0"}})) == (
        f"mine: there is no file {folder / 'set.item'}; ask the author"
    )


@pytest.mark.parametrize("role", ["users", "items", "interactions"])
def test_other_sizes_than_those_of_the_card_are_refused(card, role):
    sizes = {"users": 2, "items": 2, "interactions": 3}
    message = message_of(load, card(sizes=sizes | {role: 9}))
    assert message == (
        "mine: read Sizes(users=2, items=2, interactions=3), but its card says "
        f"Sizes({', '.join(f'{name}={value}' for name, value in (sizes | {role: 9}).items())})"
    )


def test_the_folder_of_data_sets_can_be_named(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "ratings.csv").write_text(RATINGS)
    monkeypatch.chdir(tmp_path)
    assert message_of(load, "ratings.csv") == "there is no file ratings.csv"
    monkeypatch.setenv("RECVAL_DATA", "data")
    assert len(load("ratings.csv")) == 3


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("set.csv", "user,item\n1,2\n"),
        ("set.tsv", "user\titem\n1\t2\n"),
        ("set.inter", "user_id:token\titem_id:token\n1\t2\n"),
    ],
)
def test_a_file_is_read_by_its_ending(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    assert load(tmp_path / name).to_frame().to_dict("list") == {"user": ["1"], "item": ["2"]}
    if name != "set.inter":
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content.encode()))
        assert load(tmp_path / f"{name}.gz") == load(tmp_path / name)
    load(tmp_path / name).to_frame().to_parquet(tmp_path / "set.parquet")
    assert load(tmp_path / "set.parquet").to_frame().to_dict("list") == {"user": ["1"], "item": ["2"]}


def test_a_source_says_how_it_is_read(tmp_path):
    (tmp_path / "events.txt").write_text("who;what;stars\na;x;5\nb;x;1\na;y;4\na;x;3\n")
    source = {
        "path": str(tmp_path / "events.txt"),
        "reader": "csv",
        "columns": {"user": "who", "item": "what", "rating": "stars"},
        "separator": ";",
        "duplicates": "last",
        "filters": {"min_rating": 2},
    }
    assert DataSource(**source).load().to_frame().to_dict("list") == {
        "user": ["a", "a"],
        "item": ["y", "x"],
        "rating": [4.0, 3.0],
    }
    message = message_of(DataSource(**source | {"reader": None}).load)
    assert message.startswith(
        f"{tmp_path / 'events.txt'}: the format cannot be told from the ending; say it with reader:"
    )
    message = message_of(DataSource(**source | {"filters": {"min_rating": 9}}).load)
    assert message.startswith("no interactions are left of 3 after filtering with min_rating=9")


def test_a_package_that_is_not_installed():
    message = message_of(DataSource(path="x.csv", package="no_such_package").load)
    assert message == "the data lies in the package 'no_such_package', which is not installed"


@pytest.mark.parametrize("package", ["trap.inner", "trap.", "..", "", "a b"])
def test_what_is_no_plain_package_is_refused_and_nothing_is_imported(package, tmp_path, monkeypatch):
    """Looking a dotted name up would import its parent, which may be a file beside the recipe."""
    (tmp_path / "trap.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="package: .*pattern"):
        validate({"path": "x.csv", "package": package}, DataSource)


def test_the_files_of_a_package_stay_within_it():
    message = message_of(DataSource(path="../../secret.csv", package="recbole").load)
    assert message == "the path '../../secret.csv' leads out of the package 'recbole'"


def test_an_unknown_data_set_and_a_missing_card():
    assert message_of(load, "ml-100", error=ConfigError).startswith(
        "unknown data set 'ml-100', did you mean 'ml-100k'?"
    )
    assert message_of(load, "none.yaml", error=ConfigError) == "there is no file none.yaml"
    assert message_of(load, "no.csv") == "there is no file no.csv"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sizs": {}}, "unknown key 'sizs', did you mean 'sizes'?"),
        ({"source": {"path": "x", "seperator": ";"}}, "unknown key 'source.seperator', did you mean 'separator'?"),
        ({"source": {"path": "x", "separator": "::"}}, "source.separator: String should have at most 1 character"),
        ({"source": {"path": "x", "reader": "cvs"}}, "source.reader: unknown value 'cvs', did you mean 'csv'?"),
        (
            {"source": {"path": "x", "columns": {"usr": "u"}}},
            "source.columns.usr: unknown key 'usr', did you mean 'user'?",
        ),
        (
            {"source": {"path": "x", "filters": {"min_per_user": 0}}},
            "source.filters.min_per_user: should be greater than",
        ),
        ({"source": {}}, "the key 'source.path' is missing"),
        ({"sizes": {"users": "many", "items": 1, "interactions": 1}}, "sizes.users: should be a valid integer"),
    ],
)
def test_a_card_that_is_malformed_names_the_key(card, changes, expected):
    message = message_of(load, card(**changes), error=ConfigError)
    place, _, explanation = message.partition(": ")
    assert "mine.yaml, line " in place
    assert explanation.startswith(expected)
