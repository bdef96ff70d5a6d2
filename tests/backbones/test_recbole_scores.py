"""The scores and embeddings of the RecBole bridge."""

import copy

import numpy as np
import pytest
import torch
from recbole_samples import (
    BUILT,
    build_small,
    described,
    in_the_fast_lane,
    interactions,
    restored,
    triplets,
    untouched,
)

from recval.backbones.recbole import RecBoleBackbone, build
from recval.backbones.recbole.dataset import TrainingSet
from recval.errors import ModelError


@pytest.mark.parametrize("name", ["BPR", "NeuMF", "LightGCN", "NGCF", "NNCF", "SpectralCF", "GCMC"])
def test_scores_are_recboles_predictions_pair_by_pair(name, monkeypatch):
    monkeypatch.setattr("recval.backbones.recbole.backbone._PAIRS_AT_ONCE", 7)
    data = interactions()
    backbone = build(name, data, seed=5).eval()
    reference = untouched(backbone, data, {}, 5)
    users = torch.tensor([3, 0, 6, 3])
    expected = [
        [
            reference.predict({"user_id": user.view(1) + 1, "item_id": torch.tensor([item + 1])}).item()
            for item in range(11)
        ]
        for user in users
    ]
    scores = backbone.score(users)
    assert not scores.requires_grad
    assert scores.shape == (4, 11)
    assert scores.numpy() == pytest.approx(np.array(expected), rel=1e-5, abs=1e-6)


FEW = ["ADMMSLIM", "BERT4Rec", "CFKG", "DeepFM", "DIN", "KGCN", "MultiVAE", "S3Rec", "SASRec", "SHAN", "SLIMElastic"]


@pytest.mark.parametrize("name", in_the_fast_lane(BUILT, FEW))
def test_every_model_scores_all_items(name):
    backbone = build_small(name, described()).eval()
    users = torch.tensor([6, 0, 1])
    scores = backbone.score(users)
    assert scores.shape == (3, 11)
    assert scores.isfinite().all()
    assert not scores.requires_grad
    assert not backbone.training
    if name not in ("ADMMSLIM", "KTUP", "Random"):  # These add noise.
        torch.testing.assert_close(backbone.score(users.flip(0)).flip(0), scores, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["BPR", "NeuMF", "LightGCN", "SASRec", "DIN", "FM"])
def test_no_users_have_no_scores(name):
    assert build_small(name, described()).score(torch.empty(0, dtype=torch.int64)).shape == (0, 11)


def test_scoring_keeps_the_mode():
    backbone = build("NGCF", interactions()).train()
    backbone.score(torch.arange(7))
    assert all(module.training for module in backbone.modules())


def test_lightgcn_propagates_over_the_training_graph():
    data = interactions()
    backbone = build("LightGCN", data, {"n_layers": 3}).eval()
    adjacency = np.zeros((18, 18))
    adjacency[data.user, 7 + data.item] = adjacency[7 + data.item, data.user] = 1
    scale = np.maximum(adjacency.sum(1), 1e-7) ** -0.5
    normal = scale[:, None] * adjacency * scale
    tables = (backbone.model.user_embedding.weight[1:], backbone.model.item_embedding.weight[1:])
    start = torch.cat(tables).detach().numpy()
    final = sum(np.linalg.matrix_power(normal, layer) @ start for layer in range(4)) / 4
    assert backbone.score(torch.arange(7)).numpy() == pytest.approx(final[:7] @ final[7:].T, abs=1e-6)


def test_ease_is_its_closed_form():
    data = interactions()
    matrix = np.zeros((7, 11))
    matrix[data.user, data.item] = 1
    inverse = np.linalg.inv(matrix.T @ matrix + 20.0 * np.eye(11))
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)
    scores = build("EASE", data, {"reg_weight": 20.0}).score(torch.arange(7))
    assert scores.numpy() == pytest.approx(matrix @ weights, abs=1e-5)


def test_pop_ranks_by_the_number_of_interactions():
    data = interactions()
    counts = np.bincount(data.item, minlength=11)
    scores = build("Pop", data).score(torch.arange(2)).numpy()
    assert scores == pytest.approx(np.tile(counts / counts.max(), (2, 1)))


def step(backbone, data):
    backbone.train()
    optimizer = torch.optim.Adam(backbone.parameters(), 0.1)
    backbone.loss_per_sample(triplets(data)).mean().backward()
    optimizer.step()
    backbone.eval()


def overwrite(backbone, data):
    for parameter in backbone.parameters():
        parameter.data.mul_(-1.5).add_(0.1)


def load(backbone, data):
    backbone.load_state_dict(build(backbone.name, data, seed=77).state_dict())


@pytest.mark.parametrize("change", [step, overwrite, load])
@pytest.mark.parametrize("name", ["LightGCN", "NGCF", "DMF", "SpectralCF"])
def test_scores_are_never_stale(name, change):
    data = interactions()
    users = torch.arange(7)
    backbone = build(name, data, seed=5).eval()
    before = backbone.score(users)
    change(backbone, data)
    after = backbone.score(users)
    assert not torch.equal(before, after)
    assert torch.equal(after, restored(backbone, data).score(users))


def test_scores_with_dropout_do_not_survive_training():
    data = interactions()
    backbone = build("NGCF", data, {"message_dropout": 0.5}, seed=5)
    expected = backbone.eval().score(torch.arange(7))
    assert not torch.equal(backbone.train().score(torch.arange(7)), backbone.score(torch.arange(7)))
    assert torch.equal(backbone.eval().score(torch.arange(7)), expected)


def test_the_graph_is_walked_once_for_all_blocks_of_users(monkeypatch):
    backbone = build("LightGCN", interactions()).eval()
    walks = []
    forward = backbone.model.forward
    monkeypatch.setattr(backbone.model, "forward", lambda: walks.append(1) or forward())
    for block in torch.arange(7).split(2):
        backbone.score(block)
    assert len(walks) == 1


@pytest.mark.parametrize("name", ["BPR", "LightGCN", "NGCF", "GCMC", "SGL"])
def test_a_copy_lives_on_its_own(name):
    data = interactions()
    backbone = build(name, data).eval()
    before = backbone.score(torch.arange(7))
    twin = copy.deepcopy(backbone)
    overwrite(twin, data)
    assert torch.equal(backbone.score(torch.arange(7)), before)
    assert not torch.allclose(twin.score(torch.arange(7)), before)


@pytest.mark.parametrize("name", ["LightGCN", "NGCF", "GCMC", "SpectralCF"])
def test_converting_the_model_converts_its_graph(name):
    backbone = build(name, interactions(), seed=5).eval()
    single = backbone.score(torch.arange(7))
    double = backbone.double().score(torch.arange(7))
    assert double.dtype == torch.float64
    torch.testing.assert_close(single, double.float(), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("n_users", [7, 11])
def test_embeddings_are_the_rows_of_the_tables(n_users):
    data = interactions(n_users=n_users)
    batch = triplets(data)
    model = (backbone := build("NeuMF", data, {"mf_embedding_size": 3, "mlp_embedding_size": 2})).model
    users = (model.user_mf_embedding, model.user_mlp_embedding)
    items = (model.item_mf_embedding, model.item_mlp_embedding)
    assert torch.equal(backbone.user_embeddings(batch.user), torch.cat([t(batch.user + 1) for t in users], 1))
    assert torch.equal(backbone.item_embeddings(batch.item), torch.cat([t(batch.item + 1) for t in items], 1))


def test_a_model_without_tables_has_no_embeddings():
    data = interactions()
    with pytest.raises(ModelError, match="EASE has no embeddings of users"):
        build("EASE", data).user_embeddings(triplets(data).user)


def test_a_model_that_recbole_built_can_be_wrapped():
    data = interactions()
    backbone = build("BPR", data)
    wrapped = RecBoleBackbone(untouched(backbone, data, {}, 0), TrainingSet(backbone.settings, data))
    batch = triplets(data)
    assert (wrapped.n_users, wrapped.n_items) == (7, 11)
    assert torch.equal(wrapped.loss_per_sample(batch), backbone.loss_per_sample(batch))


@pytest.mark.parametrize("parts", [{}, {"mf_train": False}, {"mlp_train": False}, {"mlp_hidden_size": [5]}])
@pytest.mark.parametrize("cells", [1, 2**19])
def test_neumf_ranks_by_tables_as_it_predicts_pairs(parts, cells, monkeypatch):
    monkeypatch.setattr("recval.backbones.recbole.rankings._CELLS_AT_ONCE", cells)
    backbone = build("NeuMF", interactions(), {"mlp_hidden_size": [6, 4], "mf_embedding_size": 3, **parts}).eval()
    overwrite(backbone, None)
    users = torch.tensor([3, 0, 6])
    with torch.no_grad():
        expected = backbone._score_pairs(users)
    torch.testing.assert_close(backbone.score(users), expected, rtol=1e-5, atol=1e-6)


def test_neumf_with_dropout_scores_pair_by_pair():
    backbone = build("NeuMF", interactions(), {"dropout_prob": 0.5}).train()
    torch.manual_seed(0)
    scores = backbone.score(torch.arange(7))
    torch.manual_seed(0)
    assert torch.equal(backbone._score_pairs(torch.arange(7)), scores)


@pytest.mark.parametrize("name", ["ADMMSLIM", "KTUP", "Random"])
def test_noise_in_scores_is_the_same_each_time(name):
    backbone = build_small(name, described()).eval()
    before = torch.get_rng_state()
    scores = backbone.score(torch.arange(7))
    torch.rand(1)
    assert torch.equal(backbone.score(torch.arange(7)), scores)
    torch.set_rng_state(before)
    backbone.score(torch.arange(7))
    assert torch.equal(torch.get_rng_state(), before)
