import numpy as np
import pytest

from recval.data import Split
from recval.declarations import validate
from recval.engine import Processes
from recval.errors import ConfigError, DataError, RunError
from recval.recipes.methods import LeastCoreMethod
from recval.testing.planted import planted
from recval.valuation.recommender_games import Clusters, Ease, Neighbours, OneEach, RecommenderGame
from recval.valuation.recommender_games.utilities import Problem
from recval.valuation.standalone import LeastCoreValuator, Valuing

CLUSTERS = Clusters(kind="user-clusters", number=5)


@pytest.fixture(scope="module")
def split():
    return planted(n_users=12, n_items=20, per_user=9)[0]


def valued(split, seed=0, valuing=None, **settings):
    settings = {"players": CLUSTERS, "utility": Ease(regularisation=5.0), "constraints": None} | settings
    return LeastCoreValuator(**settings).value(Valuing(split, seed=seed, **(valuing or {})))


def deficits(split, found):
    """Return how much less every coalition but nobody and all is paid than it is worth, by the game itself."""
    problem = Problem(split.train, split.valid, "BPR", {}, Valuing(split).training, 0)
    players = OneEach(kind="users").players(split.train, 0)
    game = RecommenderGame(problem, players, Ease(regularisation=5.0))
    n = len(found.by_player)
    coalitions = (np.arange(1, 2**n - 1)[:, None] >> np.arange(n) & 1).astype(bool)
    of_user = np.zeros(len(players), int)
    of_user[players.of_row] = found.player_of  # a cluster holds whole users
    return game.value(coalitions[:, of_user]) - game.null_value - coalitions @ found.by_player.value


def test_payoffs_add_up_and_leave_no_coalition_worse_off_than_said(split):
    found = valued(split)
    facts = found.facts
    gap = facts["value of all"] - facts["value of nobody"]
    assert found.by_player.value.sum() == pytest.approx(gap, abs=1e-9)
    assert found.values.value.sum() == pytest.approx(gap, abs=1e-9)
    assert (facts["players"], facts["evaluations"], facts["violated"]) == (5, 30, 0)
    assert deficits(split, found).max() == pytest.approx(facts["deficit"], abs=1e-9)
    assert np.ptp(found.by_player.value) > 1e-3


def test_values_have_no_standard_errors(split):
    found = valued(split, constraints=8)
    assert np.isinf(found.values.standard_error).all()
    assert found.facts["evaluations"] == 16
    assert 0 < found.facts["violated"] <= 1
    assert found.values.players["user"].to_pylist() == split.train.user.tolist()


def test_interactions_are_their_own_players(split):
    found = valued(split, players=OneEach(kind="interactions"), constraints=3)
    assert (found.by_player, found.player_of) == (None, None)
    assert len(found.values) == len(split.train)


def test_values_follow_from_the_seed_and_not_from_the_workers(split):
    here = valued(split, 1, constraints=6).by_player.value.tolist()
    assert here == valued(split, 1, {"executor": Processes(2)}, constraints=6).by_player.value.tolist()
    assert here != valued(split, 2, constraints=6).by_player.value.tolist()


class Interrupted(Exception):
    """The run is interrupted."""


def test_a_run_continues_from_its_checkpoint(split, tmp_path):
    path = tmp_path / "checkpoint.safetensors"

    class Once:
        def map(self, function, tasks, shared, on_progress):
            for position, task in enumerate(tasks):
                if position == 2:
                    raise Interrupted
                yield position, function(shared, task, lambda fraction: None)

    settings = {"constraints": 200, "utility": Neighbours()}  # 400 coalitions, 64 at a time
    with pytest.raises(Interrupted):
        valued(split, valuing={"executor": Once(), "checkpoint": path}, **settings)
    shares = []
    continued = valued(split, valuing={"checkpoint": path, "report": shares.append}, **settings)
    whole = valued(split, **settings)
    assert continued.by_player.value.tolist() == whole.by_player.value.tolist()
    np.testing.assert_allclose(shares, [3 * 64 / 400, 0.64, 0.8, 0.96, 1, 1])
    with pytest.raises(RunError, match="is the checkpoint of another estimate: its settings is"):
        valued(split, valuing={"checkpoint": path}, **settings | {"constraints": 201})


def test_a_recipe_names_it(split):
    told = {"kind": "least-core", "players": {"kind": "users"}, "metric": "recall@5", "constraints": 50}
    method = validate(told, LeastCoreMethod)
    assert (method.constraints, method.stands_alone, method.gives_values) == (50, True, True)
    with pytest.raises(ConfigError, match="unknown key 'constraint', did you mean 'constraints'"):
        validate({"kind": "least-core", "constraint": 5}, LeastCoreMethod)


def test_data_that_cannot_be_valued_is_refused(split):
    without = Split(split.train, split.valid.take(np.arange(0)), split.test)
    with pytest.raises(DataError, match="there are none; split some off"):
        LeastCoreValuator().check(without)
    with pytest.raises(ConfigError, match="all coalitions of 36 players are too many, 15 players at most"):
        valued(split, players=OneEach(kind="interactions"))
