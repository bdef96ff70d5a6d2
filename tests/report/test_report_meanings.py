"""What values mean, in words."""

from typing import get_args

import pytest

from recval.declarations import validate
from recval.recipes import Recipe
from recval.recipes.methods import Method
from recval.report.meanings import aims_of, value_meaning
from recval.valuation.likeness import REWARDS

VALUING = [kind for kind in get_args(get_args(Method)[0]) if kind.gives_values]


@pytest.mark.parametrize("kind", [kind.model_fields["kind"].default for kind in VALUING])
def test_every_method_that_gives_values_says_what_they_mean(kind):
    recipe = validate({"data": "ml-100k", "model": {"name": "BPR"}, "methods": {"it": {"kind": kind}}}, Recipe)
    method = recipe.model_dump(mode="json")["methods"]["it"]
    meaning = value_meaning(method)
    assert meaning.endswith(".")
    assert ("raise the reward bpr," in meaning) == (kind in ("dvr", "in-run", "influence"))


@pytest.mark.parametrize("reward", REWARDS)
def test_likeness_is_told_as_what_it_is(reward):
    meaning = value_meaning({"kind": "dvr", "reward": reward})
    assert "log-odds. No metric was aimed at." in meaning
    assert "raise" not in meaning


def test_rewards_are_named():
    assert "raise the reward, one" in value_meaning({"kind": "dvr"})
    summed = {"kind": "dvr", "reward": {"soft-ndcg@10": 1.0, "soft-gini@20": 0.5}}
    assert "raise the reward 1 · soft-ndcg@10 + 0.5 · soft-gini@20, one below" in value_meaning(summed)
    assert aims_of(summed["reward"]) == {"ndcg@10", "gini@20"}
    assert aims_of(None) == set()
