import numpy as np
import pyarrow as pa
import pytest
from pydantic import TypeAdapter

from recval.data import Interactions, Vocabulary
from recval.errors import ConfigError, DataError
from recval.games import Values
from recval.testing.planted import planted
from recval.valuation.recommender_games import (
    AnyGrouping,
    Clusters,
    FieldGroups,
    OneEach,
    Players,
    RandomGroups,
)

PAIRS = [(0, 2), (1, 2), (0, 2), (3, 0), (1, 1)]


@pytest.fixture
def train():
    users = Vocabulary(pa.array(["a", "b", "c", "d"]), pa.table({"gender": ["f", None, "f", None]}))
    items = Vocabulary(pa.array([10, 20, 30]), pa.table({"year": [1990.0, 2000.0, 1990.0]}))
    table = pa.table({"user": [user for user, _ in PAIRS], "item": [item for _, item in PAIRS]})
    return Interactions(table, users, items)


@pytest.mark.parametrize(
    ("grouping", "table", "of_row"),
    [
        (
            OneEach(kind="interactions"),
            {"user": ["a", "b", "a", "d", "b"], "item": [30, 30, 30, 10, 20]},
            [0, 1, 2, 3, 4],
        ),
        (OneEach(kind="pairs"), {"user": ["a", "b", "b", "d"], "item": [30, 20, 30, 10]}, [0, 2, 0, 3, 1]),
        (OneEach(kind="users"), {"user": ["a", "b", "d"]}, [0, 1, 0, 2, 1]),
        (OneEach(kind="items"), {"item": [10, 20, 30]}, [2, 2, 2, 0, 1]),
        (FieldGroups(kind="field", field="item[year]"), {"item[year]": ["1990.0", "2000.0"]}, [0, 0, 0, 0, 1]),
    ],
)
def test_rows_are_grouped_and_players_have_ids(train, grouping, table, of_row):
    players = grouping.players(train, 0)
    assert players.table.to_pydict() == table
    assert players.of_row.tolist() == of_row
    assert players.sizes.tolist() == np.bincount(of_row).tolist()


def test_those_without_a_value_of_the_field_are_a_group(train):
    players = FieldGroups(kind="field", field="user[gender]").players(train, 0)
    texts = players.table["user[gender]"].to_pylist()
    assert [texts[player] for player in players.of_row] == ["f", None, "f", None, None]
    assert len(players) == 2


def test_an_unknown_field_is_refused_with_its_nearest_name(train):
    with pytest.raises(ConfigError, match="unknown user field 'gendr', did you mean 'gender'"):
        FieldGroups(kind="field", field="user[gendr]").check(train)


@pytest.mark.parametrize("text", ["gender", "user[]", "user[a][b]", "people[gender]"])
def test_a_field_that_cannot_be_read_is_refused(text):
    with pytest.raises(ValueError, match=r"written as 'user\[gender\]'"):
        FieldGroups(kind="field", field=text)


def test_a_recipe_names_a_grouping_by_its_kind():
    read = TypeAdapter(AnyGrouping).validate_python
    assert read({"kind": "items"}) == OneEach(kind="items")
    assert read({"kind": "item-clusters", "number": 7}) == Clusters(kind="item-clusters", number=7)
    with pytest.raises(ValueError, match="number"):
        read({"kind": "users", "number": 7})


def test_clusters_find_the_two_halves():
    split, _ = planted(n_users=30, n_items=24, per_user=12)
    of_users = Clusters(kind="user-clusters", number=2).players(split.train, 3)
    assert len(set(of_users.of_row + 2 * (split.train.user % 2))) == 2
    assert of_users.table.to_pydict() == {"user cluster": [0, 1]}
    of_items = Clusters(kind="item-clusters", number=2).players(split.train, 3)
    assert len(set(of_items.of_row + 2 * (split.train.item < 12))) == 2


@pytest.mark.parametrize("number", [1, 5, 100])
def test_clusters_follow_from_the_seed_and_leave_nobody_out(number):
    split, _ = planted(n_users=12, n_items=30, per_user=10)
    grouping = Clusters(kind="user-clusters", number=number)
    first, again = grouping.players(split.train, 1), grouping.players(split.train, 1)
    assert first.of_row.tolist() == again.of_row.tolist()
    assert 1 <= len(first) <= min(number, 12)
    assert first.sizes.min() >= 1
    of_user = [set(first.of_row[split.train.user == user]) for user in range(12)]
    assert all(len(clusters) == 1 for clusters in of_user)


def test_clusters_of_a_single_user(interactions):
    players = Clusters(kind="user-clusters").players(interactions([(0, 0), (0, 1)], 1, 2), 0)
    assert players.of_row.tolist() == [0, 0]


def test_random_groups_are_of_equal_size():
    split, _ = planted(n_users=10, n_items=30, per_user=10)
    first, other = (RandomGroups(kind="random", number=7).players(split.train, seed) for seed in (0, 1))
    assert np.ptp(first.sizes) <= 1
    assert len(first) == 7
    assert first.of_row.tolist() != other.of_row.tolist()
    assert len(RandomGroups(kind="random", number=500).players(split.train, 0)) == len(split.train)


def test_values_are_spread_so_that_sums_and_relative_errors_are_kept(train):
    players = OneEach(kind="users").players(train, 0)
    by_player = Values(players.table, np.array([3.0, -1.0, 0.5]), np.array([4.0, 1.0, np.inf]), np.array([9, 4, 1]))
    values = players.spread(by_player, train)
    assert values.value.tolist() == [1.5, -0.5, 1.5, 0.5, -0.5]
    assert values.value.sum() == by_player.value.sum()
    assert values.standard_error == pytest.approx(by_player.standard_error[players.of_row] / [2, 2, 2, 1, 2])
    assert values.count.tolist() == [9, 4, 9, 1, 4]
    assert values.players.to_pydict() == {"user": ["a", "b", "a", "d", "b"], "item": [30, 30, 30, 10, 20]}


def test_a_row_of_no_player_is_refused():
    with pytest.raises(DataError, match="from 0 to 1, got 0 to 2"):
        Players(pa.table({"user": [1, 2]}), np.array([0, 2]))
