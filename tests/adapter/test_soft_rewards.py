"""Soft rewards: hard metrics in the limit, true gradients, no dependence on scale, nothing of what is masked."""

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from recval.adapter import SoftReward
from recval.adapter.rewards import differentiable_reward, is_differentiable
from recval.adapter.rewards.soft import FORMS, SoftLists, parse_soft
from recval.adapter.rewards.soft.tensors import ContextTensors
from recval.backbones import Backbone, build
from recval.data import Interactions, Split, Vocabulary
from recval.errors import ConfigError, ModelError
from recval.ranking import METRICS, Evaluator, ItemSets
from recval.testing import planted

USERS, ITEMS = 20, 15
METRICS_WITH_A_SOFT_FORM = [
    "ndcg@3",
    "recall@3",
    "precision@3",
    "gini@3",
    "entropy@3",
    "item-coverage@3",
    "average-popularity@3",
    "novelty@3",
    "tail-share@3",
    "intra-list-distance[genre]@3",
    "intra-list-distance[vector]@3",
    "category-coverage[genre]@3",
    "group-gap[recall,gender]@3",
    "group-gap[ndcg,gender]@3",
]
HARD = 1e-7
"""A temperature at which a list of scores that are not almost equal is as good as hard."""


class Scores(Backbone):
    """Scores that are parameters, in float64."""

    def __init__(self, table):
        super().__init__()
        self.n_users, self.n_items = table.shape
        self.table = nn.Parameter(torch.as_tensor(table, dtype=torch.float64))

    def loss_per_sample(self, batch):
        raise NotImplementedError

    def score(self, users):
        return self.table[users]

    def user_embeddings(self, users):
        return self.table[users]

    def item_embeddings(self, items):
        return self.table.T[items]


def make_split(seed=0, n_users=USERS, n_items=ITEMS, groups=2, train=0.4, held_out=0.25):
    """Interactions whose users have from none to all items in training, some of them held out too."""
    rng = np.random.default_rng(seed)
    genres = ["Action Crime", "Drama", "", "Crime", "Comedy Drama Action"]
    fields = {"genre": [genres[item % 5] for item in range(n_items)], "vector": rng.normal(size=(n_items, 3)).tolist()}
    users = Vocabulary(pa.array(range(n_users)), pa.table({"gender": [str(user % groups) for user in range(n_users)]}))
    items = Vocabulary(pa.array(range(n_items)), pa.table(fields))

    def part(rows):
        user, item = np.nonzero(rows)
        return Interactions(pa.table({"user": user.astype(np.int64), "item": item.astype(np.int64)}), users, items)

    known = rng.random((n_users, n_items)) < rng.random((n_users, 1)) * 2 * train
    valid = rng.random((n_users, n_items)) < held_out
    valid[:, 0] = True
    known[:1], valid[:1] = False, [False] + [True] * (n_items - 1)
    return Split(part(known), part(valid), part(~known & ~valid))


def distinct(seed, n_users=USERS, n_items=ITEMS):
    """Scores without ties: whole numbers and a little, in another order for each user."""
    rng = np.random.default_rng(seed)
    order = np.stack([rng.permutation(n_items) for _ in range(n_users)])
    return order + 0.3 * rng.random(order.shape)


def soft(name, split, table, temperature=HARD):
    reward = SoftReward({f"soft-{name}": 1.0}, split, users=10**6, temperature=temperature)
    return reward(Scores(table), torch.Generator()).item()


def hard(name, split, table):
    metric = METRICS[name.partition("[")[0].partition("@")[0]]
    evaluate = Evaluator(split.valid, ItemSets.of(split.train), [name], train=split.train)
    value = evaluate(lambda users: torch.as_tensor(table)[users]).means[name]
    return -value if metric.lower_is_better else value


def test_every_form_is_tested_here():
    assert {name.partition("[")[0].partition("@")[0] for name in METRICS_WITH_A_SOFT_FORM} == set(FORMS)


@pytest.mark.parametrize("name", METRICS_WITH_A_SOFT_FORM)
@settings(deadline=None, derandomize=True, max_examples=15)
@given(seed=st.integers(0, 10**6), k=st.integers(1, ITEMS + 3))
def test_in_the_limit_a_soft_metric_is_the_metric_with_its_direction(name, seed, k):
    """For every cut-off, beyond the catalogue too; users have from none to all items left to recommend."""
    name = name.replace("@3", f"@{k}")
    split, table = make_split(seed), distinct(seed)
    expected = hard(name, split, table)
    if np.isnan(expected):
        with pytest.raises(ConfigError, match="is NaN"):
            soft(name, split, table)
    else:
        assert soft(name, split, table) == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("name", METRICS_WITH_A_SOFT_FORM)
def test_softer_lists_come_nearer_to_the_metric_as_they_harden(name):
    split, table = make_split(3), distinct(3)
    exact = hard(name, split, table)
    errors = [abs(soft(name, split, table, temperature) - exact) for temperature in (0.5, 0.05, 0.005)]
    assert errors[0] > errors[2]
    assert errors[2] < 0.02 * max(1, abs(exact))


@pytest.mark.parametrize("name", METRICS_WITH_A_SOFT_FORM)
def test_gradients_are_those_of_finite_differences(name):
    """At a fixed tau: that it follows the spread of the scores is left out of the gradient on purpose."""
    split = make_split(1, n_users=8, n_items=9, held_out=0.4)
    context, (metric, k) = ContextTensors(split), parse_soft(f"soft-{name}")
    users = context.truth.nonempty()
    table = torch.tensor(distinct(1, 8, 9), requires_grad=True)
    spread = fixed_spread(0.5)

    def value(scores):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("recval.adapter.rewards.soft.lists._spread", spread)
            found = FORMS[metric.name](SoftLists.of(scores[users], users, k, context, 1.0), *metric.arguments)
        return found[~found.isnan()]

    # Sides are kept in float32, which a difference does not see: it divides out.
    assert torch.autograd.gradcheck(value, table, eps=1e-5, atol=1e-5, rtol=1e-3)


def fixed_spread(tau):
    return lambda scores, listed: scores.new_full((len(scores), 1), tau)


@pytest.mark.parametrize("name", METRICS_WITH_A_SOFT_FORM)
def test_scale_and_shift_of_a_users_scores_change_nothing(name):
    split, table = make_split(2), distinct(2)
    scale, shift = np.random.default_rng(0).uniform([0.01, -50], [100, 50], (USERS, 2)).T[:, :, None]
    found = soft(name, split, scale * table + shift, temperature=0.2)
    assert found == pytest.approx(soft(name, split, table, temperature=0.2), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", METRICS_WITH_A_SOFT_FORM)
def test_what_was_seen_has_no_gradient_and_no_influence(name):
    split, table = make_split(4), distinct(4)
    seen = np.zeros((USERS, ITEMS), bool)
    seen[split.train.user, split.train.item] = True
    backbone = Scores(table)
    value = SoftReward({f"soft-{name}": 1.0}, split, users=USERS)(backbone, torch.Generator())
    (gradient,) = torch.autograd.grad(value, backbone.table)
    assert gradient.isfinite().all()
    assert (gradient[torch.from_numpy(seen)] == 0).all()
    assert gradient.abs().max() > 0
    assert soft(name, split, np.where(seen, 99.0, table), 0.2) == pytest.approx(
        soft(name, split, table, 0.2), abs=1e-12
    )


def test_a_gradient_only_shares_out():
    """Lifting all scores of a user changes no list, so the gradient of a user's scores sums to 0."""
    split, backbone = make_split(5), Scores(distinct(5))
    value = SoftReward({"soft-recall@3": 1.0}, split, users=USERS)(backbone, torch.Generator())
    (gradient,) = torch.autograd.grad(value, backbone.table)
    assert gradient.sum(1).abs().max() < 1e-12 < gradient.abs().max()


@settings(deadline=None, derandomize=True, max_examples=50)
@given(
    seed=st.integers(0, 10**6),
    k=st.integers(1, 20),
    temperature=st.sampled_from([1e-9, 1e-3, 0.1, 1.0, 10.0]),
    levels=st.sampled_from([1, 2, 4, 10**6]),
)
def test_memberships_sum_to_k_and_follow_the_scores(seed, k, temperature, levels):
    """Also with scores of which many are equal, or with nothing left to recommend."""
    split = make_split(seed)
    context = ContextTensors(split)
    users = context.truth.nonempty()
    scores = torch.from_numpy(np.random.default_rng(seed).integers(0, levels, (USERS, ITEMS)).astype(float))[users]
    lists = SoftLists.of(scores, users, k, context, temperature)
    left = ITEMS - context.seen.counts[users]
    assert ((lists.membership >= 0) & (lists.membership <= 1)).all()
    expected = torch.from_numpy(np.minimum(left, k)).double()
    torch.testing.assert_close(lists.membership.sum(1), expected, atol=1e-3, rtol=0)
    assert (lists.membership.diff(dim=1) <= 1e-12).all(), "a worse item is more in the list"


def test_ascent_reaches_what_the_metric_asks_for():
    """Plain gradient ascent from random scores: a perfect ranking, even exposure, lists of different genres."""
    split = make_split(6, train=0.1, held_out=0.1)
    goals = {"ndcg@3": 0.9, "gini@3": -0.1, "intra-list-distance[genre]@3": 0.9}
    for name, goal in goals.items():
        backbone = Scores(distinct(6) / ITEMS)
        reward, generator = SoftReward({f"soft-{name}": 1.0}, split, users=USERS), torch.Generator()
        optimizer = torch.optim.Adam(backbone.parameters(), lr=0.05, maximize=True)
        before = hard(name, split, backbone.table.detach())
        for _ in range(120):
            optimizer.zero_grad()
            reward(backbone, generator).backward()
            optimizer.step()
        after = hard(name, split, backbone.table.detach())
        assert before < goal < after, (name, before, after)


def test_a_weighted_sum_is_the_sum_of_its_parts_and_scores_once():
    split, backbone = make_split(7), Scores(distinct(7))
    weights = {"soft-ndcg@3": 2.0, "soft-gini@5": 0.5, "soft-recall@3": 0.25}

    def value(reward):
        return differentiable_reward(reward, split, users=8)(backbone, torch.Generator().manual_seed(1)).item()

    assert value(weights) == pytest.approx(sum(weight * value(name) for name, weight in weights.items()), abs=1e-12)
    calls = []
    backbone.score = lambda users: calls.append(users) or backbone.table[users]
    value(weights)
    assert len(calls) == 1


def test_soft_and_other_gradients_add_up():
    """All draw from one generator: the users of the soft parts first, then each other part in its turn."""
    split = planted()[0]
    backbone = build("CompiledBPR", split.train, {"embedding_size": 4}, seed=0)
    rewards = {name: differentiable_reward(name, split, users=9) for name in ("soft-recall@5", "bpr")}
    both = differentiable_reward({"bpr": 0.5, "soft-recall@5": 3.0}, split, users=9)
    one, other = torch.Generator().manual_seed(0), torch.Generator().manual_seed(0)
    expected = 3 * rewards["soft-recall@5"](backbone, one) + 0.5 * rewards["bpr"](backbone, one)
    torch.testing.assert_close(both(backbone, other), expected)


def test_each_call_looks_at_other_users_and_keeps_the_training_mode():
    split, backbone = make_split(8), Scores(distinct(8)).train()
    reward, generator = SoftReward({"soft-ndcg@3": 1.0}, split, users=2), torch.Generator().manual_seed(0)
    assert len({reward(backbone, generator).item() for _ in range(6)}) > 1
    assert backbone.training
    again = reward(backbone, torch.Generator().manual_seed(3)).item()
    assert again == reward(backbone, torch.Generator().manual_seed(3)).item()


def test_one_user_with_one_item_left():
    fields = pa.table({"genre": ["a", "b"], "vector": [[1.0], [2.0]]})
    users, items = Vocabulary(pa.array([0])), Vocabulary(pa.array([0, 1]), fields)
    train, valid = (Interactions(pa.table({"user": [0], "item": [item]}), users, items) for item in (0, 1))
    split, table = Split(train, valid, valid), np.array([[3.0, 2.0]])
    for name, expected in {"ndcg@1": 1, "recall@5": 1, "precision@2": 0.5, "item-coverage@1": 0.5}.items():
        assert soft(name, split, table, 0.2) == pytest.approx(expected, abs=1e-5)
    with pytest.raises(ConfigError, match="is NaN on the 1 sampled validation users"):
        soft("intra-list-distance[genre]@2", split, table)


def test_nothing_left_to_recommend_is_told():
    users, items = Vocabulary(pa.array([0, 1])), Vocabulary(pa.array([0, 1]))
    every = Interactions(pa.table({"user": [0, 0, 1, 1], "item": [0, 1, 0, 1]}), users, items)
    split = Split(every, every, every)
    assert soft("recall@1", split, np.ones((2, 2))) == 0
    for name in ("gini@1", "entropy@1", "novelty@1"):
        with pytest.raises(ConfigError, match="it has no value for any of the lists"):
            soft(name, split, np.ones((2, 2)))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_diverged_model_is_told(bad):
    table = distinct(0)
    table[3, np.flatnonzero(~np.isin(np.arange(ITEMS), make_split().train.item[make_split().train.user == 3]))[0]] = bad
    with pytest.raises(ModelError, match="the model diverged"):
        soft("ndcg@3", make_split(), table)


def test_what_the_model_itself_excludes_is_in_no_list():
    split, table = make_split(9), distinct(9)
    table[:, 1] = -np.inf
    backbone = Scores(table)
    value = SoftReward({"soft-ndcg@3": 1.0}, split, users=USERS, temperature=HARD)(backbone, torch.Generator())
    assert value.item() == pytest.approx(hard("ndcg@3", split, table), abs=1e-6)
    assert torch.autograd.grad(value, backbone.table)[0].isfinite().all()


def test_scores_without_a_gradient_are_told():
    split = make_split()
    backbone = Scores(distinct(0))
    backbone.table.requires_grad_(False)
    with pytest.raises(ModelError, match="the scores of Scores have no gradient, which 'soft-ndcg@3' needs"):
        SoftReward({"soft-ndcg@3": 1.0}, split, users=5)(backbone, torch.Generator())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("soft-map@10", r"the metric 'map' of 'soft-map@10' has no soft form \(allowed: .*ndcg.*recall"),
        ("soft-group-gap[mrr,gender]@5", "the metric 'mrr' of .* has no soft form"),
        ("soft-ndgc@10", "no soft form"),
        ("soft-ndcg", "has no cut-off"),
        ("soft-auc", "no soft form"),
        ("soft-", "no soft form"),
        ("soft-category-coverage@5", "is written as"),
    ],
)
def test_unknown_soft_names_list_the_allowed_ones(name, message):
    with pytest.raises(ConfigError, match=message):
        is_differentiable(name)


def test_a_field_that_the_data_lacks_is_told_at_once():
    with pytest.raises(ConfigError, match="unknown item field 'colour'"):
        differentiable_reward("soft-category-coverage[colour]@5", make_split(), users=8)


@pytest.mark.parametrize("model", ["BPR", "NeuMF", "LightGCN", "NGCF", "GraphConvolution", "UltraGCN", "CompiledBPR"])
def test_a_gradient_reaches_the_parameters_of_a_model(model):
    """The same value as with the scores that a model ranks by; and scoring afterwards is as before."""
    split = planted()[0]
    backbone = build(model, split.train, {}, seed=0)
    backbone.eval()
    users = torch.tensor([3, 0, 3])
    before = backbone.score(users).clone()
    value = SoftReward({"soft-ndcg@5": 1.0}, split, users=20)(backbone.train(), torch.Generator().manual_seed(0))
    found = torch.autograd.grad(value, list(backbone.parameters()), allow_unused=True)
    sizes = [float(part.abs().max()) for part in found if part is not None]
    assert max(sizes) > 0
    assert np.isfinite(sizes).all()
    backbone.eval()
    torch.testing.assert_close(backbone.attached_score(users), before)
    after = backbone.score(users)
    assert torch.equal(after, before)
    assert not after.requires_grad
