from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from recval.backbones import Batch
from recval.backbones.build import build
from recval.errors import ModelError
from recval.ranking import Evaluator, ItemSets
from recval.testing import planted
from recval.training import Loop, Training

CONVOLUTIONS = ["GCN", "GAT", "GATv2", "SAGE", "GIN", "LG", "Graph", "TAG", "Transformer"]
PAIRS = np.random.default_rng(0).permutation([(user, item) for user in range(6) for item in range(8)])[:20]


@pytest.mark.parametrize("convolution", CONVOLUTIONS)
def test_each_convolution_learns_what_is_planted(convolution):
    split, _ = planted()
    model = build("GraphConvolution", split.train, {"convolution": convolution, "embedding_size": 16})
    loop = Loop(model, split, Training(epochs=15, learning_rate=0.02, batch_size=256))
    loop.fit()
    losses = [entry["loss"] for entry in loop.progress.history]
    assert losses[-1] < 0.7 * losses[0]
    found = Evaluator(split.test, ItemSets.of(split.train, split.valid), ["recall@10"])(model.score).means
    assert found["recall@10"] > 0.25  # 10 of the 63 items that are left, at random: 0.16


@pytest.mark.parametrize("combination", ["last", "mean", "concat"])
@pytest.mark.parametrize("convolution", CONVOLUTIONS)
def test_scores_follow_users_and_items_into_another_order(interactions, convolution, combination):
    parameters = {"convolution": convolution, "combination": combination, "activation": "tanh", "embedding_size": 4}
    model = build("GraphConvolution", interactions(PAIRS, 6, 8), parameters).double().eval()
    generator = np.random.default_rng(1)
    users, items = generator.permutation(6), generator.permutation(8)
    moved = np.stack([users.argsort()[PAIRS[:, 0]], items.argsort()[PAIRS[:, 1]]], 1)
    other = build("GraphConvolution", interactions(moved, 6, 8), parameters).double().eval()
    other.load_state_dict(model.state_dict())
    other.user_embedding.weight.data = model.user_embedding.weight.data[users]
    other.item_embedding.weight.data = model.item_embedding.weight.data[items]
    expected = model.score(torch.arange(6))[users][:, items]
    torch.testing.assert_close(other.score(torch.arange(6)), expected, atol=1e-12, rtol=1e-9)


def test_the_mean_of_plain_sums_is_light_gcn(interactions):
    train = interactions(PAIRS, 6, 9)
    model = build("GraphConvolution", train, {"convolution": "LG", "n_layers": 3})
    light = build("LightGCN", train, {"n_layers": 3, "reg_weight": 0.0})
    light.load_state_dict(model.state_dict())
    users = torch.arange(6)
    torch.testing.assert_close(model.score(users), light.score(users), atol=1e-6, rtol=0)
    batch = Batch(torch.arange(20), *torch.from_numpy(PAIRS).T, torch.arange(20) % 8)
    losses = [found.loss_per_sample(batch) for found in (model, light)]
    torch.testing.assert_close(*losses, atol=1e-6, rtol=0)
    gradients = [
        torch.autograd.grad(loss.mean(), list(found.parameters()))
        for loss, found in zip(losses, (model, light), strict=True)
    ]
    torch.testing.assert_close(*gradients, atol=1e-6, rtol=0)


def test_a_convolution_is_what_pyg_computes_from_the_edges(interactions):
    from torch_geometric.nn import SAGEConv

    model = build(
        "GraphConvolution",
        interactions([*PAIRS, *PAIRS], 6, 8),
        {"convolution": "SAGE", "n_layers": 1, "combination": "concat"},
    )
    (convolution,) = model.convolutions
    assert isinstance(convolution, SAGEConv)
    own = torch.cat([model.user_embedding.weight, model.item_embedding.weight]).detach()
    adjacency = torch.zeros(14, 14)
    adjacency[PAIRS[:, 0], PAIRS[:, 1] + 6] = 1
    adjacency += adjacency.T.clone()
    mean = adjacency @ own / adjacency.sum(1).clip(1)[:, None]
    both = torch.cat([own, convolution.lin_l(mean) + convolution.lin_r(own)], 1).detach()
    torch.testing.assert_close(model.score(torch.arange(6)), both[:6] @ both[6:].T, atol=1e-5, rtol=0)


def test_dropout_acts_while_training_alone_and_scores_follow_the_parameters(interactions):
    model = build("GraphConvolution", interactions(PAIRS, 6, 8), {"dropout": 0.5})
    users = torch.arange(6)
    assert not torch.equal(model.train().score(users), model.score(users))
    before = model.eval().score(users)
    assert torch.equal(before, model.score(users))
    model.item_embedding.weight.data += 1
    assert not torch.equal(before, model.score(users))


@pytest.mark.parametrize(
    ("convolution", "message"),
    [
        ("SAGEE", "unknown convolution 'SAGEE', did you mean 'SAGE'"),
        ("RGCN", "RGCNConv needs more than a size of vectors and edges"),
        ("SAGEConv", "unknown convolution 'SAGEConv'"),
        ("../SAGE", "unknown convolution"),
        ("NN", "NNConv needs more than"),
    ],
)
def test_what_is_no_convolution_of_a_plain_graph_is_refused(interactions, convolution, message):
    with pytest.raises(ModelError, match=message):
        build("GraphConvolution", interactions(PAIRS, 6, 8), {"convolution": convolution})


def test_importing_the_backbones_does_not_import_pyg():
    code = "import sys, recval.backbones, recval.backbones.graph_convolution; print('torch_geometric' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
