"""The kinds of methods that a recipe can compare."""

from typing import get_args

import pytest

from recval import fit
from recval.declarations import validate
from recval.errors import ConfigError
from recval.recipes import Recipe
from recval.recipes.methods import Method
from recval.recipes.trials import MethodTrial
from recval.testing import planted
from recval.training import Training
from recval.valuation.resampler import Resampler
from recval.valuation.standalone import StandaloneValuator

KINDS = {kind.model_fields["kind"].default: kind for kind in get_args(get_args(Method)[0])}
QUICK = {"influence": {"damping": 0.1}, "til": {"interval": 2}, "bod": {"interval": 2}}


def recipe(methods, **others):
    return validate({"data": "ml-100k", "model": {"name": "BPR"}, "methods": methods, **others}, Recipe)


def test_every_kind_can_be_named_with_its_defaults():
    methods = {kind: {"kind": kind} for kind in KINDS if kind != "shuffled"}
    found = recipe({**methods, "shuffled": {"kind": "shuffled", "of": "til"}})
    assert len(KINDS) == len(get_args(get_args(Method)[0]))
    for name, method in found.methods.items():
        assert type(method) is KINDS[name]
        first, second = found.callback(name), found.callback(name)
        assert first is None if name == "plain" or method.stands_alone else first is not second


TRAINED = [kind for kind, method in KINDS.items() if not issubclass(method, StandaloneValuator)]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in TRAINED])
def test_a_kind_that_stands_alone_gives_values_and_has_no_part_in_training(kind):
    method = recipe({"it": {"kind": kind}}).methods["it"]
    assert (method.stands_alone, method.gives_values, method.weighs, method.callback({})) == (True, True, False, None)


@pytest.mark.parametrize("kind", [kind for kind in TRAINED if kind not in ("plain", "shuffled")])
def test_a_kind_gives_values_if_it_says_so_and_weighs_if_it_says_so(kind):
    method = recipe({"it": {"kind": kind, **QUICK.get(kind, {})}}).methods["it"]
    callback = method.callback({})
    weights = []
    weigh = callback.weigh
    callback.weigh = lambda batch, losses: weights.append(weigh(batch, losses)) or weights[-1]
    result = fit(planted(20, 30, 12)[0], "LightGCN", callback, training=Training(epochs=1, batch_size=64))
    assert (result.values is not None) == method.gives_values
    draws = isinstance(callback, Resampler)
    assert all((each is not None or draws) == method.weighs for each in weights)


def test_settings_reach_the_callback():
    methods = {
        "a": {"kind": "self-paced", "start": 0.25, "form": "linear", "training": {"epochs": 3}},
        "b": {"kind": "bod", "distance": "l2", "reward": "lambda-ndcg@5"},
        "c": {"kind": "dvrl", "reward": "recall@20"},
        "d": {"kind": "in-run", "weigh": True},
    }
    found = recipe(methods)
    assert found.callback("a").settings.model_dump() == {"draws": 4, "form": "linear", "start": 0.25, "steps": 1000}
    assert (found.callback("b").settings.distance, found.callback("b").settings.reward) == ("l2", "lambda-ndcg@5")
    assert found.callback("d").settings.weigh
    assert found.methods["d"].weighs
    dvrl = found.callback("c").settings
    assert (dvrl.reward, dvrl.valuator, dvrl.action, dvrl.fit) == ("recall@20", "mlp", "selection", 0)
    assert dvrl.inputs == ("user", "item", "loss")


def test_a_placebo_trains_what_the_method_trains_that_it_is_the_placebo_of():
    """Unless it says otherwise itself; so the weights' places are all that the two differ in."""
    own = {"model": {"name": "LightGCN"}, "training": {"epochs": 3}}
    methods = {
        "D": {"kind": "dvr", **own},
        "E": {"kind": "dvr"},
        "of D": {"kind": "shuffled", "of": "D"},
        "of E": {"kind": "shuffled", "of": "E"},
        "its own": {"kind": "shuffled", "of": "D", "model": {"name": "BPR"}, "training": {"epochs": 4}},
    }
    found = recipe(methods, training={"epochs": 7})
    trained = {name: (found.model_of(name).name, found.training_of(name).epochs) for name in methods}
    assert trained == {
        "D": ("LightGCN", 3),
        "E": ("BPR", 7),
        "of D": ("LightGCN", 3),
        "of E": ("BPR", 7),
        "its own": ("BPR", 4),
    }
    assert {name: found.placebo_of(name) for name in ("D", "E", "of D")} == {"D": "of D", "E": "of E", "of D": None}
    assert [MethodTrial("of D", 0).model_of(found).name, MethodTrial("of D", 0).training_of(found).epochs] == [
        "LightGCN",
        3,
    ]


def test_a_written_recipe_reads_back_alike():
    methods = {kind: {"kind": kind} for kind in KINDS if kind != "shuffled"}
    found = recipe({**methods, "placebo": {"kind": "shuffled", "of": "dvrl"}})
    assert validate(found.model_dump(mode="json"), Recipe) == found


def test_the_runs_values_are_those_of_the_removal_curve_or_of_the_first_that_gives_any():
    methods = {"plain": {"kind": "plain"}, "T": {"kind": "t-ce"}, "D": {"kind": "dvr"}}
    assert recipe(methods).valuator == "T"
    assert recipe(methods).valuators == ["T", "D"]
    assert recipe(methods, removal={"method": "D"}).valuator == "D"
    assert recipe({"plain": {"kind": "plain"}}).valuator is None


@pytest.mark.parametrize(
    ("methods", "others", "named"),
    [
        ({"a": {"kind": "uniform"}}, {"removal": {"method": "a"}}, "unknown method that gives values 'a'"),
        ({"a": {"kind": "loss"}, "b": {"kind": "shuffled", "of": "a"}}, {}, "unknown method that weighs 'a'"),
        ({"a": {"kind": "in-run"}, "b": {"kind": "shuffled", "of": "a"}}, {}, "unknown method that weighs 'a'"),
        ({"b": {"kind": "shuffled", "of": "b"}}, {}, "unknown method that weighs 'b'"),
        ({"a": {"kind": "bod", "reward": "ndcg@10"}}, {}, r"methods\.a\.reward: the reward 'ndcg@10' has no gradient"),
        ({"a": {"kind": "propensity", "clip": 0.5}}, {}, r"methods\.a\.clip: should be greater than or equal to 1"),
        ({"a": {"kind": "dvrl", "valuator": "cnn"}}, {}, r"methods\.a\.valuator: unknown value 'cnn'"),
    ],
)
def test_what_does_not_fit_is_named(methods, others, named):
    with pytest.raises(ConfigError, match=named):
        recipe(methods, **others)
