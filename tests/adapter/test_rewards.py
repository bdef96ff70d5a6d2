"""Rewards: measured on validation data only, with the right sign, and differentiable ones that ascend their metric."""

import numpy as np
import pytest
import torch

from recval.adapter import LambdaNDCG, RankingReward, ValidationLoss
from recval.adapter.rewards import is_differentiable
from recval.backbones import Backbone
from recval.data import Split
from recval.errors import ConfigError
from recval.ranking import METRICS, Evaluator, ItemSets, metric


class Table(Backbone):
    """Scores are the parameters themselves, so any ranking can be reached."""

    def __init__(self, n_users, n_items, seed=0):
        super().__init__()
        self.n_users, self.n_items = n_users, n_items
        generator = torch.Generator().manual_seed(seed)
        self.table = torch.nn.Parameter(torch.randn(n_users, n_items, generator=generator, dtype=torch.float64))

    def loss_per_sample(self, batch):
        margin = self.table[batch.user, batch.item] - self.table[batch.user, batch.negative]
        return torch.nn.functional.softplus(-margin)

    def score(self, users):
        return self.table[users]

    def user_embeddings(self, users):
        return self.table[users]

    def item_embeddings(self, items):
        return self.table.T[items]


@pytest.fixture
def split(interactions):
    pairs = np.random.default_rng(0).permutation([(u, i) for u in range(6) for i in range(20)])
    return Split(*(interactions(part, 6, 20) for part in (pairs[:40], pairs[40:60], pairs[60:75])))


def test_ranking_reward_is_the_validation_metric(split):
    backbone = Table(6, 20)
    found = RankingReward("ndcg@5", split, users=100, seed=0)(backbone)
    expected = Evaluator(split.valid, ItemSets.of(split.train), ["ndcg@5"])(backbone.score).means["ndcg@5"]
    assert found == expected


def test_lower_is_better_metrics_are_negated(split, monkeypatch):
    monkeypatch.setattr(METRICS, "_plugins", dict(METRICS._plugins))
    metric("regret", lower_is_better=True)(lambda lists: 1 - lists.hits.mean(axis=1))
    backbone = Table(6, 20)
    assert -1 <= RankingReward("regret@5", split, users=100, seed=0)(backbone) < 0


def test_a_look_keeps_the_training_mode(split):
    backbone = Table(6, 20).train()
    RankingReward("ndcg@5", split, users=3, seed=0)(backbone)
    assert backbone.training
    LambdaNDCG(split, 5, users=3)(backbone, torch.Generator())
    assert backbone.training


def test_the_sample_of_users_depends_on_the_seed_only(split):
    backbone = Table(6, 20)
    looks = {seed: RankingReward("ndcg@5", split, users=2, seed=seed)(backbone) for seed in range(6)}
    assert all(RankingReward("ndcg@5", split, users=2, seed=seed)(backbone) == value for seed, value in looks.items())
    assert len(set(looks.values())) > 1


def test_validation_loss_counts_every_user_the_same(interactions):
    """One user holds 90 % of the validation interactions, but half of the reward."""
    train = interactions([(0, 0), (1, 0)], 2, 40)
    valid = interactions([(0, item) for item in range(1, 19)] + [(1, item) for item in range(1, 3)], 2, 40)
    backbone = Table(2, 40)
    with torch.no_grad():
        backbone.table.zero_()
        backbone.table[1, 1:3] = 50
    found = ValidationLoss(Split(train, valid, valid), samples=20_000)(backbone, torch.Generator().manual_seed(0))
    assert found.item() == pytest.approx(-np.log(2) / 2, rel=0.03)


def test_validation_negatives_are_neither_trained_on_nor_held_out(split):
    reward = ValidationLoss(split, samples=500)
    backbone = Table(6, 20)
    (gradient,) = torch.autograd.grad(reward(backbone, torch.Generator().manual_seed(0)), backbone.table)
    known = np.zeros((6, 20), bool)
    known[split.train.user, split.train.item] = True
    assert (gradient[torch.from_numpy(known)] == 0).all(), "a training item was touched"
    held_out = np.zeros((6, 20), bool)
    held_out[split.valid.user, split.valid.item] = True
    assert (gradient[torch.from_numpy(held_out)] >= 0).all(), "a held-out item was pushed down"
    assert (gradient[torch.from_numpy(~held_out & ~known)] <= 0).all()


def test_lambda_gradient_ascends_ndcg(split):
    """Plain gradient ascent reaches a perfect ranking of the validation items from a random one."""
    backbone = Table(6, 20)
    evaluate = Evaluator(split.valid, ItemSets.of(split.train), ["ndcg@3"])
    reward, generator = LambdaNDCG(split, 3, users=6), torch.Generator().manual_seed(0)
    before = evaluate(backbone.score).means["ndcg@3"]
    for _ in range(300):
        (gradient,) = torch.autograd.grad(reward(backbone, generator), backbone.table)
        with torch.no_grad():
            backbone.table += gradient
    assert before < 0.6
    assert evaluate(backbone.score).means["ndcg@3"] == 1.0


def test_lambda_weights_are_the_change_of_ndcg_when_two_items_swap(split):
    """Against a swap of the two items' scores and a new evaluation, for every pair of a user."""
    backbone, k, user = Table(6, 20), 3, 2
    reward = LambdaNDCG(split, k, users=6)
    evaluate = Evaluator(split.valid, ItemSets.of(split.train), [f"ndcg@{k}"], users=[user])
    from recval.ranking import top_k

    truth, seen = ItemSets.of(split.valid), ItemSets.of(split.train)
    ranking = top_k(backbone.score, [user], seen, 5 * k)
    position, item = truth.cells(np.array([user]))
    lambdas = reward._lambdas(ranking, position, item)
    level = evaluate(backbone.score).means[f"ndcg@{k}"]
    for row, positive in enumerate(item):
        for column, negative in enumerate(ranking.items[0]):
            if negative < 0 or negative in item:
                assert lambdas[row, column] == 0
                continue
            swapped = backbone.table.detach().clone()
            swapped[user, [positive, negative]] = swapped[user, [negative, positive]]
            change = evaluate(lambda users, table=swapped: table[users]).means[f"ndcg@{k}"] - level
            assert lambdas[row, column] == pytest.approx(abs(change), abs=1e-12)


def test_a_perfect_ranking_without_pairs_has_a_zero_gradient(interactions):
    """Every ranked item is held out: there is nothing to swap with."""
    train, valid = interactions([(0, 0)], 1, 3), interactions([(0, 1), (0, 2)], 1, 3)
    backbone = Table(1, 3)
    found = LambdaNDCG(Split(train, valid, valid), 2, users=1)(backbone, torch.Generator())
    (gradient,) = torch.autograd.grad(found, backbone.table)
    assert torch.equal(gradient, torch.zeros_like(gradient))


@pytest.mark.parametrize(("reward", "expected"), [("bpr", True), ("lambda-ndcg@10", True), ("recall@5", False)])
def test_which_rewards_have_a_gradient(reward, expected):
    assert is_differentiable(reward) is expected


@pytest.mark.parametrize("reward", ["ndgc@10", "lambda-ndcg", "lambda-ndcg@0", "bpr@3", ""])
def test_unknown_rewards_are_told(reward):
    with pytest.raises(ConfigError, match=r"unknown metric|cut-off"):
        is_differentiable(reward)


def test_likeness_is_named_where_a_reward_is_unknown_and_refused_where_it_is_no_reward():
    with pytest.raises(ConfigError, match=r"unknown metric 'likenes'.*for DVR alone likeness\[training\]"):
        is_differentiable("likenes[training]")
    for reward in ("likeness[training]", {"likeness[training]": 1}, {"ndcg@10": 1, "likeness[unseen]": 1}):
        with pytest.raises(ConfigError, match=r"'likeness\[\w+\]' is no reward of a model.*not in a sum"):
            is_differentiable(reward)
