from __future__ import annotations

import numpy as np
import pytest
import torch

import recval
from recval.backbones import Batch, build
from recval.ranking import ItemSets
from recval.testing import planted
from recval.training import Training, TripletSampler

SPLIT, _ = planted(n_users=24, n_items=40, per_user=16)


def batch_of(size, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return next(TripletSampler(SPLIT.train).epoch(size, generator))


@pytest.mark.parametrize(("size", "negatives"), [(1, 5), (40, 1), (40, 7), (64, 64), (30, 500)])
def test_losses_are_those_of_the_formula_over_the_negatives_that_a_user_does_not_know(size, negatives):
    backbone = build("MultiNegativeBPR", SPLIT.train, {"embedding_size": 4, "negatives": negatives, "reg_weight": 0.3})
    torch.nn.init.normal_(backbone.user_embedding.weight)
    torch.nn.init.normal_(backbone.item_embedding.weight)
    batch = batch_of(size)
    users, items = (
        table.weight.detach().double().numpy() for table in (backbone.user_embedding, backbone.item_embedding)
    )
    known = set(zip(SPLIT.train.user.tolist(), SPLIT.train.item.tolist(), strict=True))
    shared, expected = batch.negative[:negatives].tolist(), []
    for user, item in zip(batch.user.tolist(), batch.item.tolist(), strict=True):
        margins = [users[user] @ (items[j] - items[item]) for j in shared if (user, j) not in known]
        ranking = np.mean(np.logaddexp(0, margins)) if margins else 0.0
        norms = users[user] @ users[user] + items[item] @ items[item] + np.mean([items[j] @ items[j] for j in shared])
        expected.append(ranking + 0.15 * norms)
    assert backbone.loss_per_sample(batch).detach().numpy() == pytest.approx(np.array(expected), rel=1e-5)


def test_with_its_own_negative_alone_it_is_plain_bpr():
    backbone = build("MultiNegativeBPR", SPLIT.train, {"embedding_size": 4, "reg_weight": 0.0})
    batch = batch_of(20)
    scores = backbone.score(torch.arange(len(SPLIT.users)))
    for row in range(20):
        one = batch[row : row + 1]
        margin = scores[one.user, one.item] - scores[one.user, one.negative]
        assert backbone.loss_per_sample(one).item() == pytest.approx(-torch.nn.functional.logsigmoid(margin).item())


def test_what_users_know_is_found_exactly():
    backbone = build("MultiNegativeBPR", SPLIT.train)
    generator = torch.Generator().manual_seed(1)
    users = torch.randint(len(SPLIT.users), (50,), generator=generator)
    items = torch.randint(len(SPLIT.items), (70,), generator=generator)
    found = np.zeros((50, 70), bool)
    found[tuple(part.numpy() for part in backbone._known(users, items))] = True
    expected = ItemSets.of(SPLIT.train).contains(users.numpy(), np.tile(items.numpy(), (50, 1)))
    assert np.array_equal(found, expected)
    assert 0 < expected.sum() < expected.size


def test_a_user_who_knows_all_shared_negatives_has_no_ranking_loss():
    backbone = build("MultiNegativeBPR", SPLIT.train, {"reg_weight": 0.0})
    user, item, other = SPLIT.train.user[0], *SPLIT.train.item[SPLIT.train.user == SPLIT.train.user[0]][:2]
    one = Batch(*(torch.tensor([code]) for code in (0, user, item, other)))
    losses = backbone.loss_per_sample(one)
    losses.sum().backward()
    assert losses.tolist() == [0.0]
    assert torch.isfinite(backbone.user_embedding.weight.grad).all()


def test_it_learns_what_is_planted():
    settings = Training(epochs=30, batch_size=64, learning_rate=0.02, monitor="ndcg@5")
    found = recval.fit(SPLIT, "MultiNegativeBPR", training=settings, metrics=["ndcg@5"], rng=0)
    popular = recval.fit(SPLIT, "Pop", training=settings, metrics=["ndcg@5"])
    assert found.metrics["ndcg@5"] > 1.2 * popular.metrics["ndcg@5"]
