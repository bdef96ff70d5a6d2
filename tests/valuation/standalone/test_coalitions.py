import numpy as np
import pytest
from pydantic import TypeAdapter

from recval.data import Split
from recval.declarations import validate
from recval.engine import Processes
from recval.errors import ConfigError, DataError
from recval.games import Banzhaf, Permutation, Powerset, Reuse, Shapley, Stop
from recval.testing.planted import planted
from recval.valuation.recommender_games import Clusters, Ease, FieldGroups, Neighbours, OneEach
from recval.valuation.standalone import CoalitionValuator, Valuing

USERS = OneEach(kind="users")


@pytest.fixture(scope="module")
def split():
    return planted(n_users=12, n_items=20, per_user=9)[0]


def valued(split, seed=0, valuing=None, **settings):
    settings = {"players": USERS, "utility": Ease(regularisation=5.0), "stop": Stop(rounds=3)} | settings
    return CoalitionValuator(**settings).value(Valuing(split, seed=seed, **(valuing or {})))


def test_values_of_players_and_rows_add_up_to_the_game(split):
    found = valued(split)
    facts, gap = found.facts, found.facts["value of all"] - found.facts["value of nobody"]
    assert found.by_player.value.sum() == pytest.approx(gap, abs=1e-12)
    assert found.values.value.sum() == pytest.approx(gap, abs=1e-12)
    assert facts["efficiency gap"] == pytest.approx(0, abs=1e-12)
    assert (facts["rounds"], facts["evaluations"], facts["players"]) == (3, 33, 12)
    assert facts["stopped"] == "rounds made: 3"
    assert facts["popularity stood in"] == pytest.approx(0.5)
    assert found.by_player.players.to_pydict() == {"user": list(range(12))}
    assert found.values.players["user"].to_pylist() == split.train.user.tolist()
    sums = np.bincount(found.player_of, found.values.value)
    np.testing.assert_allclose(sums, found.by_player.value, atol=1e-12)


def test_sampled_values_come_near_the_exact_ones(split):
    settings = {"players": Clusters(kind="user-clusters", number=5), "metric": "bpr"}
    exact = valued(split, estimator=Powerset(), **settings).by_player
    sampled = valued(split, estimator=Permutation(), stop=Stop(rounds=150), **settings).by_player
    assert exact.standard_error.max() == 0
    assert np.abs((sampled.value - exact.value) / sampled.standard_error).max() < 4.5
    assert np.ptp(exact.value) > 0


def test_interactions_are_their_own_players(split):
    found = valued(split, players=OneEach(kind="interactions"), utility=Neighbours(), stop=Stop(rounds=2))
    assert found.by_player is None
    assert found.player_of is None
    assert len(found.values) == len(split.train)
    assert found.values.players["item"].to_pylist() == split.train.item.tolist()


def test_other_semivalues_have_no_efficiency_gap(split):
    found = valued(split, semivalue=Banzhaf(), estimator=Reuse(), stop=Stop(rounds=2))
    assert "efficiency gap" not in found.facts
    assert np.isfinite(found.values.value).all()


def test_values_do_not_depend_on_the_number_of_workers(split):
    here = valued(split, metric="bpr").by_player
    there = valued(split, metric="bpr", valuing={"executor": Processes(2)}).by_player
    assert here.value.tolist() == there.value.tolist()


def test_a_run_continues_from_its_checkpoint(split, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    valued(split, valuing={"checkpoint": path}, stop=Stop(rounds=2))
    continued = valued(split, valuing={"checkpoint": path}, stop=Stop(rounds=5))
    whole = valued(split, stop=Stop(rounds=5))
    assert continued.by_player.value.tolist() == whole.by_player.value.tolist()


def test_values_follow_from_the_seed(split):
    first, again, other = (valued(split, seed).by_player.value.tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_a_recipe_says_it_all():
    settings = {
        "kind": "game",
        "players": {"kind": "item-clusters", "number": 9},
        "utility": {"kind": "fine-tune", "steps": 5},
        "metric": "recall@5",
        "semivalue": {"kind": "beta", "alpha": 4, "beta": 1},
        "estimator": {"kind": "permutation"},
        "stop": {"rounds": 7},
    }
    valuator = validate(settings, CoalitionValuator)
    assert valuator.players.number == 9
    assert TypeAdapter(CoalitionValuator).validate_python(valuator.model_dump()) == valuator
    assert CoalitionValuator().semivalue == Shapley()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("metric", "ndgc@10", "did you mean 'ndcg'"),
        ("players", {"kind": "user"}, "did you mean 'users'"),
        ("utility", {"kind": "easy"}, "did you mean 'ease'"),
        ("players", {"kind": "field", "field": "gender"}, r"written as 'user\[gender\]'"),
    ],
)
def test_a_recipe_that_is_wrong_is_told_what_is_right(key, value, message):
    with pytest.raises(ConfigError, match=message):
        validate({key: value}, CoalitionValuator)


def test_data_that_cannot_be_valued_is_refused(split):
    without = Split(split.train, split.valid.take(np.arange(0)), split.test)
    with pytest.raises(DataError, match="there are none; split some off"):
        CoalitionValuator().check(without)
    with pytest.raises(ConfigError, match="unknown item field 'class'"):
        CoalitionValuator(players=FieldGroups(kind="field", field="item[class]")).check(split)
