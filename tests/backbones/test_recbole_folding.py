"""General models of the RecBole bridge that score users by other interactions, and training schedules."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch
from recbole_samples import build_small, described, interactions, losses_of, samples_of, small, triplets

from recval.backbones.recbole import build
from recval.data import Interactions, Vocabulary
from recval.errors import DataError, ModelError

FOLDING = [
    "EASE",
    "ItemKNN",
    "SLIMElastic",
    "Pop",
    "MultiVAE",
    "MultiDAE",
    "MacridVAE",
    "RecVAE",
    "RaCT",
    "DiffRec",
    "LDiffRec",
]


def strangers(data, order):
    """The interactions of some users, who are called and numbered otherwise."""
    place = np.full(len(data.users), -1)
    place[order] = np.arange(len(order))
    table = data.take(np.isin(data.user, order)).table
    table = table.set_column(0, "user", pa.array(place[table["user"].to_numpy()]))
    return Interactions(table, Vocabulary(pa.array([f"new {code}" for code in range(len(order))])), data.items)


@pytest.mark.parametrize("name", FOLDING)
def test_new_users_with_known_interactions_get_the_known_scores(name):
    data = described()
    backbone = build_small(name, data).eval()
    order = np.array([5, 1, 3])
    before = torch.get_rng_state()
    scorer = backbone.fold_in(strangers(data, order))
    assert torch.equal(torch.get_rng_state(), before)
    torch.testing.assert_close(scorer(torch.arange(3)), backbone.score(torch.from_numpy(order)))
    torch.testing.assert_close(scorer(torch.tensor([2])), backbone.score(torch.tensor([3])))


def test_folding_in_leaves_the_model_as_it_was():
    data = described()
    backbone = build_small("MultiVAE", data).eval()
    before = backbone.score(torch.arange(7))
    other = data.take(np.arange(5))
    assert not torch.equal(backbone.fold_in(other)(torch.arange(7)), before)
    assert torch.equal(backbone.score(torch.arange(7)), before)


def test_ease_of_new_users_is_its_closed_form():
    data = interactions()
    backbone = build("EASE", data, {"reg_weight": 20.0})
    matrix = np.zeros((7, 11))
    matrix[data.user, data.item] = 1
    inverse = np.linalg.inv(matrix.T @ matrix + 20.0 * np.eye(11))
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)
    other = interactions(n_users=4, n=12, seed=9)
    new = np.zeros((4, 11))
    new[other.user, other.item] = 1
    assert backbone.fold_in(other)(torch.arange(4)).numpy() == pytest.approx(new @ weights, abs=1e-5)


@pytest.mark.parametrize("name", ["BPR", "LightGCN", "CDAE", "NCEPLRec", "FM", "CKE"])
def test_a_model_that_knows_its_users_refuses(name):
    data = described()
    with pytest.raises(ModelError, match=f"^RecBole's {name} knows only the users that it was trained on; choose EASE"):
        build_small(name, data).fold_in(data)


def test_user_based_neighbours_cannot_be_folded_in():
    data = described()
    with pytest.raises(ModelError, match="ItemKNN knows only the users"):
        build("ItemKNN", data, {"knn_method": "user"}).fold_in(data)


def test_other_items_are_refused():
    data = described()
    renamed = replace(data, items=Vocabulary(pa.array([f"item {code}" for code in range(11)])))
    with pytest.raises(DataError, match="must have the items that EASE was built on"):
        build_small("EASE", data).fold_in(renamed)


def trained_parts(backbone, epoch, batch):
    """The parts of the model that an epoch trains."""
    backbone.start_epoch(epoch)
    backbone.zero_grad(set_to_none=True)
    backbone.loss_per_sample(batch).mean().backward()
    return {name.split(".")[0] for name, value in backbone.model.named_parameters() if value.grad is not None}


def test_recvae_trains_its_encoder_and_its_decoder_in_turn():
    data = described()
    backbone = build("RecVAE", data, {"hidden_dimension": 4, "latent_dimension": 3, "n_enc_epochs": 2}).train()
    batch = samples_of(backbone, data)
    assert [trained_parts(backbone, epoch, batch) for epoch in range(4)] == [
        {"encoder"},
        {"encoder"},
        {"decoder"},
        {"encoder"},
    ]


def test_ract_trains_actor_critic_and_actor():
    data = described()
    sizes = {"mlp_hidden_size": [4], "latent_dimension": 4, "metrics_k": 5}
    backbone = build("RaCT", data, {**sizes, "pretrain_epochs": 2}).train()
    batch = samples_of(backbone, data)
    found = [trained_parts(backbone, epoch, batch) for epoch in (0, 1, 2, 3, 4)]
    actor, critic = {"encoder", "decoder"}, {"critic_net"}
    assert found == [actor, actor, critic, critic, actor]


def test_s3rec_is_pretrained_and_then_trained_on_the_next_item():
    data = described()
    backbone = build("S3Rec", data, {"item_attribute": "genres", "hidden_size": 4, "pretrain_epochs": 1}).eval()
    batch = samples_of(backbone, data)
    first = losses_of(backbone, batch)[0]
    backbone.start_epoch(1)
    second = losses_of(backbone, batch)[0]
    rows = backbone._rows(batch)
    with torch.no_grad():
        state = backbone.model.forward(rows["item_id_list"], bidirectional=False)
        state = backbone.model.gather_indexes(state, rows["item_length"] - 1)
        logits = state @ backbone.model.item_embedding.weight.T
    expected = torch.nn.functional.cross_entropy(logits, batch.item + 1)
    assert second.item() == pytest.approx(expected.item(), abs=1e-5)
    assert first.item() > 2 * second.item()


def test_ncl_warms_up_without_its_prototypes():
    data = described()
    backbone = build("NCL", data, small("NCL") | {"warm_up_step": 20})
    batch = triplets(data)
    parts = []
    for epoch in (0, 20):
        backbone.start_epoch(epoch)
        parts.append(backbone.model.calculate_loss(backbone._rows(batch)))
        total = sum(parts[-1][:2]) if epoch == 0 else sum(parts[-1])
        assert backbone.loss_per_sample(batch)[0].item() == pytest.approx(total.item())
    assert backbone.model.user_centroids.norm(dim=1).numpy() == pytest.approx(np.ones(2), abs=1e-6)
