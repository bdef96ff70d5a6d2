"""Measured rewards: the metrics of one ranking, sums of them, and what cannot be measured is told in one line."""

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import nn

from recval.adapter import RankingReward
from recval.adapter.rewards import is_differentiable, measured_reward
from recval.backbones import Backbone
from recval.data import Interactions, Split, Vocabulary
from recval.errors import ConfigError, DataError
from recval.ranking import Evaluator, ItemSets

USERS, ITEMS = 60, 30


class Scores(Backbone):
    """Random scores; it counts how often it is asked, and for how many users."""

    def __init__(self, n_users=USERS, n_items=ITEMS):
        super().__init__()
        self.n_users, self.n_items = n_users, n_items
        self.table = nn.Parameter(torch.randn(n_users, n_items, generator=torch.Generator().manual_seed(0)))
        self.asked = []

    def loss_per_sample(self, batch):
        raise NotImplementedError

    def score(self, users):
        assert not self.training
        self.asked.append(len(users))
        return self.table[users].detach()

    user_embeddings = item_embeddings = score


def make_split(groups=("f", "m"), genres=("Action Crime", "Drama", "", "Crime")):
    rng = np.random.default_rng(0)
    users = Vocabulary(
        pa.array(range(USERS)), pa.table({"group": [groups[user % len(groups)] for user in range(USERS)]})
    )
    items = Vocabulary(
        pa.array(range(ITEMS)),
        pa.table({"genre": pa.array([genres[i % len(genres)] for i in range(ITEMS)], pa.string())}),
    )

    def part(rows):
        user, item = np.nonzero(rows)
        return Interactions(pa.table({"user": user.astype(np.int64), "item": item.astype(np.int64)}), users, items)

    known, valid = rng.random((USERS, ITEMS)) < 0.3, rng.random((USERS, ITEMS)) < 0.2
    return Split(part(known), part(valid & ~known), part(~known & ~valid))


SIGNS = {
    "ndcg@10": 1,
    "auc": 1,
    "gini@5": -1,
    "item-coverage@5": 1,
    "average-popularity@5": -1,
    "group-gap[recall,group]@5": -1,
    "worst-group[ndcg,group]@5": 1,
    "statistical-parity[genre]@5": -1,
    "intra-list-distance[genre]@5": 1,
}


@pytest.mark.parametrize("name", SIGNS)
def test_every_metric_is_a_reward_with_its_direction(name):
    split, backbone = make_split(), Scores().eval()
    evaluate = Evaluator(split.valid, ItemSets.of(split.train), [name], train=split.train)
    expected = SIGNS[name] * evaluate(backbone.score).means[name]
    assert measured_reward(name, split, users=10**6, seed=0)(backbone) == expected
    assert not is_differentiable(name)


def test_a_weighted_sum_is_the_sum_of_its_parts_of_one_ranking():
    split, backbone = make_split(), Scores()
    weights = {name: 1.0 + place / 3 for place, name in enumerate(SIGNS)}
    parts = [w * measured_reward(name, split, users=40, seed=3)(backbone) for name, w in weights.items()]
    backbone.asked.clear()
    assert measured_reward(weights, split, users=40, seed=3)(backbone) == pytest.approx(sum(parts), abs=1e-12)
    assert sum(backbone.asked) == 40, "the users were ranked more than once"


@pytest.mark.parametrize(
    ("reward", "message"),
    [
        ({"ndcg@10": -1.0}, "weight of the reward 'ndcg@10' must be a finite number above 0, got -1.0"),
        ({"ndcg@10": 0}, "above 0"),
        ({"ndcg@10": float("nan")}, "finite"),
        ({"ndcg@10": "much"}, "got 'much'"),
        ({"ndcg@10": True}, "got True"),
        ({}, "must have a part"),
        ({"ndcg@10": 1, "soft-gini@10": 1}, "'soft-gini@10' has one, 'ndcg@10' has none"),
        ({"bpr": 1, "recall@5": 1}, "all have a gradient or all have none"),
        ({"ndcg@10": 1, "ndgc@5": 1}, "unknown metric 'ndgc', did you mean 'ndcg'"),
    ],
)
def test_sums_that_make_no_sense_are_told(reward, message):
    with pytest.raises(ConfigError, match=message) as told:
        is_differentiable(reward)
    assert "\n" not in str(told.value)


def test_a_reward_that_is_not_defined_says_why():
    split, backbone = make_split(genres=(None,)), Scores()
    reward = RankingReward("intra-list-distance[genre]@5", split, users=7, seed=0)
    with pytest.raises(ConfigError, match=r"is NaN on the 7 sampled validation users: .*item vectors 'genre'") as told:
        reward(backbone)
    assert "\n" not in str(told.value)


def test_one_undefined_part_spoils_a_sum():
    split = make_split(genres=(None,))
    with pytest.raises(ConfigError, match="'category-coverage"):
        measured_reward({"ndcg@5": 1, "category-coverage[genre]@5": 1}, split, users=7, seed=0)(Scores())


def test_groups_too_small_to_compare_are_told():
    rare = ("a",) * 29 + ("b",)
    with pytest.raises(ConfigError, match=r"about 2.0 of the smallest group, 5 are needed; choose a field of larger"):
        measured_reward("group-gap[recall,group]@5", make_split(rare), users=100, seed=0)
    few = ("a",) * 5 + ("b",)
    with pytest.raises(ConfigError, match="a look at 12 of the 60 .* about 2.0 of .*; set users to 30 or more"):
        measured_reward({"ndcg@5": 1, "group-gap[recall,group]@5": 1}, make_split(few), users=12, seed=0)
    assert measured_reward("group-gap[recall,group]@5", make_split(few), users=30, seed=0)(Scores()) <= 0
    with pytest.raises(ConfigError, match=r"1 value\(s\) of the field 'group'"):
        measured_reward("worst-group[recall,group]@5", make_split(("a",)), users=100, seed=0)


def test_unknown_fields_are_told():
    with pytest.raises(ConfigError, match="unknown user field 'age'"):
        measured_reward("group-gap[recall,age]@5", make_split(), users=100, seed=0)
    with pytest.raises(ConfigError, match="unknown item field 'colour'"):
        measured_reward("category-coverage[colour]@5", make_split(), users=100, seed=0)


def test_there_must_be_validation_users():
    split = make_split().with_validation()
    with pytest.raises(DataError, match="there are none; split some off"):
        measured_reward("ndcg@5", split, users=100, seed=0)


def test_the_test_part_is_not_looked_at():
    split = make_split()
    other = Split(split.train, split.valid, split.valid)
    assert measured_reward("ndcg@5", split, users=9, seed=1)(Scores()) == measured_reward(
        "ndcg@5", other, users=9, seed=1
    )(Scores())
