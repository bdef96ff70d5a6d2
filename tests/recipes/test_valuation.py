"""Valuations of a recipe: methods that stand alone beside those that train, and nothing that meets the test part."""

from __future__ import annotations

import json
import shutil
from typing import Annotated, Literal

import numpy as np
import pandas as pd
import pytest
from pydantic import Field
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

import recval
from recval.data import Split
from recval.declarations import validate
from recval.engine import Processes, Serial
from recval.errors import ConfigError, DataError
from recval.games import Values
from recval.games.values import players_of
from recval.recipes import Recipe, check, fit, run, run_valuation
from recval.recipes.methods import DVRMethod, GameMethod, LossMethod, MethodRecipe, Plain
from recval.recipes.trained import TrainedModel
from recval.recipes.valuation import players_of_run, values_of_seed, values_over_seeds
from recval.store.run import Run
from recval.testing import planted
from recval.training import Training
from recval.valuation.standalone import CoalitionValuator, StandaloneValuator, Valued

GAME = {"kind": "game", "players": {"kind": "users"}, "metric": "recall@5", "stop": {"rounds": 3}}
RECIPE = {
    "split": {"kind": "ratio", "seed": 1},
    "model": {"name": "BPR", "parameters": {"embedding_size": 4}},
    "training": {"epochs": 3, "batch_size": 256, "learning_rate": 0.02, "monitor": "ndcg@5"},
    "metrics": ["ndcg@5", "recall@10"],
    "seeds": [0, 1],
    "methods": {
        "game": GAME,
        "plain": {"kind": "plain"},
        "loss": {"kind": "loss"},
        "DVR": {"kind": "dvr", "interval": 2},
    },
    "noise": {"inject": "uniform", "share": 0.2},
    "removal": {"method": "game", "fractions": [0.25], "seeds": [0]},
}


@pytest.fixture(scope="module")
def ratings(tmp_path_factory):
    split, _ = planted(24, 30, 12)
    path = tmp_path_factory.mktemp("data") / "ratings.csv"
    pd.concat([part.to_frame() for part in (split.train, split.valid, split.test)]).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def make(ratings):
    return lambda **changes: validate({"data": {"path": str(ratings)}, **RECIPE, **changes}, Recipe)


@pytest.fixture(scope="module")
def valued(make, tmp_path_factory):
    """A folder in which nothing was done but valuing."""
    return run_valuation(make(), tmp_path_factory.mktemp("runs") / "valued", Serial(threads=1))


@pytest.fixture(scope="module")
def continued(make, valued, tmp_path_factory):
    """That folder's copy, run whole."""
    path = tmp_path_factory.mktemp("runs") / "continued"
    shutil.copytree(valued.path, path)
    return run(make(), path, Serial(threads=1))


# What a valuation leaves


def test_every_method_that_gives_values_is_valued_and_nothing_is_tested(valued):
    trials = {str(path.parent.relative_to(valued.path / "trials")) for path in valued.path.rglob("metrics.json")}
    """Plain training is there for the unit of cost."""
    assert trials == {f"methods/{method}/{seed}" for method in ("game", "plain", "loss", "DVR") for seed in (0, 1)}
    assert not list(valued.path.rglob("per_user.parquet"))
    assert not list(valued.path.rglob("checkpoint*"))
    for method in ("plain", "loss", "DVR"):
        trial = json.loads((valued.trial_path("methods", method, 0) / "metrics.json").read_text())
        assert trial["metrics"] == {}
        assert trial["validation"]["ndcg@5"] > 0


def test_a_valuation_is_the_same_for_any_number_of_workers(make, valued, tmp_path):
    """Each valuation is given the workers; only one is, for they take long to start."""
    recipe = make(methods={"game": GAME}, removal=None, seeds=[0])
    parallel = run_valuation(recipe, tmp_path / "parallel", Processes(2))
    for name in ("values.parquet", "players.parquet", "player_of.parquet", "metrics.json"):
        ours, theirs = (found.trial_path("methods", "game", 0) / name for found in (parallel, valued))
        assert ours.read_bytes() == theirs.read_bytes(), name


def test_a_run_continues_a_valuation_and_ends_as_one_that_was_never_valued(make, valued, continued, tmp_path):
    whole = run(make(), tmp_path / "whole", Serial(threads=1))
    for name in ("values.parquet", "per_user.parquet", "removal.parquet", "metrics.json"):
        assert (continued.path / name).read_bytes() == (whole.path / name).read_bytes(), name
    for path in files(whole):
        assert (continued.path / path.relative_to(whole.path)).read_bytes() == path.read_bytes(), path
    for path in files(valued):
        kept = path.stat().st_mtime_ns == (continued.path / path.relative_to(valued.path)).stat().st_mtime_ns
        assert kept or path.name == "metrics.json", "something was trained again"


def files(run):
    """Return the files of a run's trials."""
    found = [path for path in run.path.rglob("trials/**/*") if path.is_file()]
    assert found
    return found


def test_a_finished_run_may_be_valued_again(make, continued):
    before = {path: path.read_bytes() for path in files(continued)}
    again = run_valuation(make(), continued.path)
    assert {path: path.read_bytes() for path in before} == before
    assert list(again.metrics()["methods"]) == ["plain", "loss", "DVR"]


def test_methods_that_stand_alone_are_in_no_table_of_test_metrics(continued):
    """The first method of the recipe is one of them."""
    summary = continued.metrics()
    assert (summary["baseline"], summary["valuator"]) == ("plain", "game")
    assert list(summary["methods"]) == ["plain", "loss", "DVR"]
    assert set(summary["comparisons"]["ndcg@5"]) == {"loss", "DVR"}
    assert TrainedModel.open(continued.path).backbone is not None
    with pytest.raises(ConfigError, match=r"unknown method 'game' \(allowed: DVR, loss, plain\)"):
        TrainedModel.open(continued.path, "game")


# What is said of it


def test_the_summary_is_what_scipy_sklearn_and_the_log_say(make, valued):
    recipe, found = make(), valued.valuation()
    noise = recipe.split_data().train.column("label") == 0
    assert (found["valuator"], list(found["methods"])) == ("game", ["game", "loss", "DVR"])
    assert found["noise"] == pytest.approx(noise.mean())
    seconds = valued.seconds()
    unit = np.mean([seconds[f"trials/methods/{found['unit']}/{seed}"] for seed in (0, 1)])
    for name, told in found["methods"].items():
        each = [values_of_seed(valued, name, seed).value for seed in (0, 1)]
        for measure, ours in ((roc_auc_score, "auroc"), (average_precision_score, "auprc")):
            by_seed = [measure(noise, -values) for values in each]
            assert list(told[ours]["by_seed"].values()) == pytest.approx(by_seed, abs=1e-12)
            assert told[ours]["sd"] == pytest.approx(np.std(by_seed, ddof=1), abs=1e-12)
        assert told["stability"] == pytest.approx(stats.spearmanr(*each).statistic, abs=1e-12)
        assert told["seconds"] == pytest.approx(np.mean([seconds[f"trials/methods/{name}/{seed}"] for seed in (0, 1)]))
        assert told["relative"] == pytest.approx(told["seconds"] / unit)
        assert told["standard_error"] == pytest.approx(np.std(each, axis=0, ddof=1).mean() / 2**0.5)
    game = found["methods"]["game"]
    assert (game["players"], game["interactions"], game["seeds"]) == (24, len(noise), [0, 1])
    assert game["evaluations"] == 3 * 23
    assert {facts["evaluations"] for facts in game["facts"].values()} == {3 * 23}
    assert found["methods"]["loss"]["facts"] == {}
    assert found["methods"]["loss"]["evaluations"] is None


def test_the_unit_of_cost_is_a_plain_training_of_the_recipes_model(make, valued, continued, tmp_path):
    """Where there is none it is the first training that was timed."""
    assert (valued.valuation()["unit"], continued.valuation()["unit"]) == ("plain", "plain")
    assert valued.valuation()["methods"]["loss"]["relative"] != 1
    weighed, other = {"kind": "uniform"}, {"kind": "plain", "model": {"name": "LightGCN"}}
    methods = {"weighed": weighed, "loss": {"kind": "loss"}, "other": other, "own": {"kind": "plain"}}
    recipe = make(methods=methods, removal=None, seeds=[0])
    assert (recipe.plain, recipe.trained_for_values) == ("own", ["loss", "own"])
    without = make(methods=methods | {"own": weighed}, removal=None, seeds=[0])
    assert (without.plain, without.trained_for_values) == (None, ["loss"])
    assert run_valuation(without, tmp_path / "without").valuation()["unit"] == "loss"
    alone = run_valuation(make(methods={"game": GAME}, removal=None, seeds=[0]), tmp_path / "alone").valuation()
    assert (alone["unit"], alone["methods"]["game"]["relative"]) == (None, None)
    assert alone["methods"]["game"]["seconds"] > 0


def test_one_valuation_keeps_its_own_standard_error(make, valued, tmp_path):
    """Over seeds each is one estimate; of one seed there are as many as rounds."""
    alone = run_valuation(make(methods={"game": GAME}, removal=None, seeds=[1]), tmp_path / "alone")
    ours, theirs = Values.read(alone.values_path), values_of_seed(valued, "game", 1)
    assert ours.to_table().equals(theirs.to_table())
    assert (ours.count == 3).all()
    assert np.isfinite(ours.standard_error).all()
    assert ours.standard_error.max() > 0
    over = values_over_seeds(valued, make(), "game")
    assert (over.count == 2).all()


def test_players_are_those_of_the_first_seed_where_each_seed_has_its_own(make, valued, tmp_path):
    users, player_of = players_of_run(valued, make(), "game")
    assert players_of_run(valued, make(), "DVR") is None
    assert users.players.column_names == ["user"]
    assert (users.count == 2).all()
    train = make().split_data().train
    assert users.players["user"].take(player_of).to_pylist() == train.users.names(train.user)
    values = values_over_seeds(valued, make(), "game").value
    np.testing.assert_allclose(np.bincount(player_of, values), users.value, atol=1e-12)
    methods = {"game": GAME | {"players": {"kind": "random", "number": 4}}}
    recipe = make(methods=methods, removal=None)
    groups, _ = players_of_run(run_valuation(recipe, tmp_path / "groups"), recipe, "game")
    assert (groups.count == 3).all(), "the rounds of one seed"
    assert groups.players.column_names == ["group"]


# A valuator that gives the same for every seed, and looks at what it is given


class Popularity(StandaloneValuator):
    """Values of training interactions by the number of those of the item."""

    kind: Literal["popularity"] = "popularity"

    def value(self, valuing):
        train = valuing.split.train
        assert len(valuing.split.test) == 0
        assert isinstance(valuing.executor.rest, Serial)
        valuing.report(0.5)
        return Valued(Values.from_estimates(players_of(train), train.item_counts()[train.item][None]))


class PopularityMethod(Popularity, MethodRecipe):
    kind: Literal["popularity"] = "popularity"
    gives_values = True

    @property
    def is_random(self):
        return False


class OwnRecipe(Recipe):
    methods: dict[
        str,
        Annotated[Plain | LossMethod | DVRMethod | GameMethod | PopularityMethod, Field(discriminator="kind")],
    ]


def own(make, **methods):
    values = make().model_dump() | {"methods": methods, "removal": None}
    return validate(values, OwnRecipe)


def test_one_trial_serves_every_seed_where_another_would_give_the_same(make, tmp_path):
    recipe = own(make, loss={"kind": "loss"}, popularity={"kind": "popularity"})
    assert [recipe.seeds_of(name) for name in recipe.methods] == [(0, 1), (0,)]
    told = []

    class Stage:
        def __init__(self, name, trials):
            self.name = f"{name}: {trials}"

        def __enter__(self):
            return lambda position, fraction: told.append((self.name, position, fraction))

        def __exit__(self, *_):
            pass

    found = run_valuation(recipe, tmp_path / "run", stage=Stage)
    assert [(position, fraction) for name, position, fraction in told if name == "valuing: 1"] == [(0, 0.5), (0, 1.0)]
    assert not found.trial_path("methods", "popularity", 1).exists()
    train = recipe.split_data().train
    values = values_over_seeds(found, recipe, "popularity")
    assert values.value.tolist() == train.item_counts()[train.item].tolist()
    assert np.isinf(values.standard_error).all()
    method = found.valuation()["methods"]["popularity"]
    assert (method["seeds"], method["stability"], method["standard_error"]) == ([0], None, None)
    assert method["auroc"]["sd"] is None


def test_from_python_it_is_what_a_run_keeps(make, valued):
    split = make().split_data()
    valuator = CoalitionValuator(**{name: value for name, value in GAME.items() if name != "kind"})
    found = recval.value(split, valuator, model="BPR", rng=1)
    kept = values_of_seed(valued, "game", 1)
    assert found.values.value.tolist() == kept.value.tolist()
    np.testing.assert_allclose(found.values.standard_error, kept.standard_error, rtol=1e-12)
    without_test = Split(split.train, split.valid, split.test.take(np.arange(0)))
    assert recval.value(without_test, valuator, rng=1).values.to_table().equals(found.values.to_table())


def test_from_python_anything_that_is_data_can_be_valued(ratings):
    found = recval.value(ratings, Popularity())
    assert len(found.values) < sum(1 for _ in ratings.open()) - 1, "some are held out"


def test_what_values_in_training_is_told_where_to_go():
    with pytest.raises(ConfigError, match=r"^DVR does not stand alone; give it to recval.fit\(data, valuator=…\)$"):
        recval.value(planted()[0], recval.DVR())


def test_a_training_without_metrics_does_not_look_at_the_test_part():
    split, _ = planted(12, 30, 12)
    training = Training(epochs=2, batch_size=64)
    whole = fit(split, training=training)
    untested = fit(Split(split.train, split.valid, split.test.take(np.arange(0))), training=training, metrics=())
    assert (untested.metrics, len(untested.per_user)) == ({}, 0)
    assert not untested.backbone.training
    for name, parameter in whole.backbone.state_dict().items():
        assert parameter.equal(untested.backbone.state_dict()[name])


# What is refused


@pytest.mark.parametrize(
    ("methods", "function", "message"),
    [
        ({"game": GAME}, run, "^no method of this recipe trains a model that could be tested; use recval value$"),
        ({"plain": {"kind": "plain"}}, run_valuation, "^no method of this recipe gives values; name one such as "),
    ],
)
def test_a_recipe_for_another_verb_is_refused_before_anything_is_written(make, tmp_path, methods, function, message):
    with pytest.raises(ConfigError, match=message):
        function(make(methods=methods, removal=None), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_method_that_does_not_weigh_has_no_placebo(make):
    with pytest.raises(ConfigError, match=r"unknown method that weighs 'game' \(allowed: DVR\)"):
        make(methods={"DVR": {"kind": "dvr"}, "game": GAME, "placebo": {"kind": "shuffled", "of": "game"}})


def test_a_recipe_of_such_methods_names_no_model_and_needs_no_test_part(make, tmp_path):
    split = {"kind": "ratio", "ratios": [0.8, 0.2, 0], "seed": 1}
    values = make().model_dump() | {"methods": {"game": GAME}, "removal": None, "split": split, "noise": None}
    del values["model"]
    recipe = validate(values, Recipe)
    check(recipe)
    assert len(Values.read(run_valuation(recipe, tmp_path / "run").values_path)) == len(recipe.split_data().train)
    with pytest.raises(DataError, match="split: no interactions are left to test on"):
        check(validate(values | {"methods": {"game": GAME, "plain": {"kind": "plain"}}}, Recipe))
    values["split"] = {"kind": "ratio", "ratios": [0.8, 0, 0.2]}
    with pytest.raises(DataError, match=r"^methods\.game: .*none; split some off"):
        check(validate(values, Recipe))


def test_values_of_an_unfinished_run_are_not_opened(tmp_path, make, valued):
    assert Run.open_valued(valued.path) == valued
    with pytest.raises(recval.RecvalError, match="holds no run"):
        Run.open_valued(tmp_path)
