from __future__ import annotations

from math import exp, log, sqrt

import numpy as np
import pytest
import torch

from recval.backbones import Batch, ultra_gcn
from recval.backbones.build import build
from recval.ranking import Evaluator, ItemSets
from recval.testing import planted
from recval.training import Loop, Training

PARAMETERS = {
    "embedding_size": 3,
    "w1": 0.7,
    "w2": 1.3,
    "w3": 0.2,
    "w4": 1.7,
    "negative_weight": 5.0,
    "ii_neighbor_num": 4,
    "gamma": 0.6,
    "reg_weight": 0.03,
    "initial_weight": 0.5,
}


def some_pairs(n_users=6, n_items=8, n=25):
    """Random pairs, some of them repeated; the last user and the last item have none."""
    return np.random.default_rng(4).integers([n_users - 1, n_items - 1], size=(n, 2))


def omega_by_hand(pairs, n_items):
    """omega_ik of all items as a dense matrix; zero where k = i or where nobody met both."""
    users_of = [{u for u, item in pairs.tolist() if item == i} for i in range(n_items)]
    together = np.array([[len(users_of[i] & users_of[k]) for k in range(n_items)] for i in range(n_items)])
    g = together.sum(1)
    omega = np.zeros((n_items, n_items))
    for i, k in zip(*together.nonzero(), strict=True):
        if i != k:
            omega[i, k] = together[i, k] / (g[i] - together[i, i]) * sqrt(g[i] / g[k])
    return omega


def loss_by_hand(model, pairs, user, item, negatives, batch_size):
    """The paper's formula, term by term."""
    edges = {tuple(pair) for pair in pairs.tolist()}
    vector_u, vectors = model.user_embedding.weight[user].tolist(), model.item_embedding.weight.tolist()

    def l(other, sign):  # noqa: E743
        return log(1 + exp(-sign * sum(a * b for a, b in zip(vector_u, vectors[other], strict=True))))

    def beta(other):
        d_u, d_i = sum(u == user for u, _ in edges), sum(i == other for _, i in edges)
        return sqrt((d_u + 1) / (d_i + 1)) / d_u

    p = PARAMETERS
    observed = (p["w1"] + p["w2"] * beta(item)) * l(item, 1)
    unobserved = np.mean([(p["w3"] + p["w4"] * beta(j)) * l(j, -1) for j in negatives]) * p["negative_weight"]
    omega = omega_by_hand(pairs, len(vectors))[item]
    near = sum(omega[k] * l(k, 1) for k in np.argsort(-omega, kind="stable")[: p["ii_neighbor_num"]])
    squares = sum(table.square().sum().item() for table in model.parameters())
    return observed + unobserved + p["gamma"] * near + p["reg_weight"] * squares / 2 / batch_size


@pytest.mark.parametrize("negative_num", [1, 5])
def test_losses_are_the_formula(interactions, negative_num):
    pairs = some_pairs()
    model = build("UltraGCN", interactions(pairs, 6, 8), {**PARAMETERS, "negative_num": negative_num}).double()
    user, item = torch.from_numpy(pairs).T
    batch = Batch(torch.arange(25), user, item, torch.arange(25) % 8)
    torch.manual_seed(3)
    losses = model.loss_per_sample(batch)
    torch.manual_seed(3)
    drawn = torch.cat([batch.negative[:, None], torch.randint(8, (25, negative_num - 1))], 1).tolist()
    expected = [
        loss_by_hand(model, pairs, *pair, negatives, 25) for pair, negatives in zip(pairs.tolist(), drawn, strict=True)
    ]
    assert losses.tolist() == pytest.approx(expected, rel=1e-6)


def test_the_neighbours_are_the_largest_omegas_in_blocks_of_any_size(interactions, monkeypatch):
    pairs = some_pairs(30, 20, 200)
    expected = omega_by_hand(pairs, 20)
    for cells in (1, 45, 2**24):
        monkeypatch.setattr(ultra_gcn, "_CELLS_AT_ONCE", cells)
        model = build("UltraGCN", interactions(pairs, 30, 20), {"ii_neighbor_num": 6})
        np.testing.assert_allclose(model.omega, -np.sort(-expected, 1)[:, :6], atol=1e-6)
        np.testing.assert_allclose(np.take_along_axis(expected, model.neighbours.numpy(), 1), model.omega, atol=1e-6)


def test_more_neighbours_than_items_are_all_items(interactions):
    model = build("UltraGCN", interactions([(0, 0), (0, 1), (1, 2)], 2, 3), {"ii_neighbor_num": 10})
    assert model.neighbours.sort(1).values.tolist() == [[0, 1, 2]] * 3
    assert model.omega[2].tolist() == [0, 0, 0]


def test_the_state_is_the_vectors_alone(interactions):
    model = build("UltraGCN", interactions(some_pairs(), 6, 8))
    assert set(model.state_dict()) == {"user_embedding.weight", "item_embedding.weight"}


def test_it_learns_what_is_planted():
    split, _ = planted()
    model = build("UltraGCN", split.train, {"negative_num": 20, "negative_weight": 1.0})
    loop = Loop(model, split, Training(epochs=40, learning_rate=0.01, batch_size=256))
    loop.fit()
    losses = [entry["loss"] for entry in loop.progress.history]
    assert losses[-1] < 0.8 * losses[0]
    found = Evaluator(split.test, ItemSets.of(split.train, split.valid), ["recall@10"])(model.score).means
    assert found["recall@10"] > 0.3  # 10 of the 63 items that are left, at random: 0.16
