"""The losses of the RecBole bridge against RecBole's own loss: row by row, and as a mean."""

import pytest
import torch
from recbole_samples import (
    UNREGULARISED,
    build_small,
    described,
    interactions,
    losses_of,
    recboles_loss,
    samples_of,
    triplets,
    untouched,
)

from recval.backbones.recbole import build
from recval.errors import ModelError

NO_DROPOUT = {
    "NAIS": {},
    "DMF": {},
    "FISM": {},
    "NNCF": {"dropout": 0.0},
    "GCMC": {"dropout_prob": 0.0},
    "SpectralCF": {},
    "NeuMF": {"dropout_prob": 0.0},
    "BPR": {},
    "LightGCN": {"reg_weight": 0.5, "require_pow": True},
    "NGCF": {"reg_weight": 0.5, "message_dropout": 0.0},
}
"""The models that draw nothing in their loss, some with a regulariser that matters."""


@pytest.mark.parametrize("name", UNREGULARISED)
def test_each_loss_is_recboles_loss_of_that_row_alone(name):
    # RecBole adds a regulariser in single precision to the sums of LightGCN and NGCF, even where its weight is zero.
    tolerance = 1e-7 if name in ("LightGCN", "NGCF") else 1e-12
    data = interactions()
    backbone = build(name, data, UNREGULARISED[name], seed=3).double()
    reference = untouched(backbone, data, UNREGULARISED[name], 3)
    batch = triplets(data)
    losses = backbone.loss_per_sample(batch)
    expected = [recboles_loss(reference, backbone, batch[row : row + 1]).item() for row in range(len(batch))]
    assert losses.shape == (len(batch),)
    assert losses.tolist() == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("name", NO_DROPOUT)
def test_the_mean_and_its_gradient_are_recboles_own(name):
    data = interactions()
    backbone = build(name, data, NO_DROPOUT[name], seed=3)
    reference = untouched(backbone, data, NO_DROPOUT[name], 3)
    batch = triplets(data)
    backbone.loss_per_sample(batch).mean().backward()
    expected = recboles_loss(reference, backbone, batch)
    expected.backward()
    assert backbone.loss_per_sample(batch).mean().item() == pytest.approx(expected.item(), abs=1e-6)
    for ours, theirs in zip(backbone.model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_bpr_is_its_closed_form():
    data = interactions()
    backbone = build("BPR", data).double()
    batch = triplets(data)
    users, items = backbone.model.user_embedding.weight[1:], backbone.model.item_embedding.weight[1:]
    margin = (users[batch.user] * (items[batch.item] - items[batch.negative])).sum(1)
    torch.testing.assert_close(
        backbone.loss_per_sample(batch), torch.nn.functional.softplus(-margin), atol=1e-8, rtol=0
    )


@pytest.mark.parametrize("name", UNREGULARISED)
def test_a_loss_depends_on_its_own_sample_only(name):
    data = interactions()
    backbone = build(name, data, UNREGULARISED[name]).double()
    batch = triplets(data)
    order = torch.randperm(len(batch), generator=torch.Generator().manual_seed(0))[:17]
    torch.testing.assert_close(backbone.loss_per_sample(batch[order]), backbone.loss_per_sample(batch)[order])


@pytest.mark.parametrize("name", UNREGULARISED)
def test_an_empty_batch_has_no_losses(name):
    data = interactions()
    assert build(name, data).loss_per_sample(triplets(data)[:0]).shape == (0,)


class Losses(torch.nn.Module):
    """The losses as a forward pass, so that torch can put other parameters in."""

    def __init__(self, backbone, batch):
        super().__init__()
        self.backbone, self.batch = backbone, batch

    def forward(self):
        return self.backbone.loss_per_sample(self.batch)


@pytest.mark.parametrize("name", ["BPR", "LightGCN"])
def test_the_gradient_of_the_loss_can_be_differentiated_again(name):
    data = interactions()
    losses = Losses(build(name, data, {"embedding_size": 2}).double(), triplets(data)[:5])
    names, tables = zip(*losses.named_parameters(), strict=True)

    def at(*values):
        return torch.func.functional_call(losses, dict(zip(names, values, strict=True)), ())

    assert torch.autograd.gradgradcheck(at, tables)


@pytest.mark.parametrize("name", ["SGL", "SimpleX", "MultiVAE", "BERT4Rec"])
def test_a_loss_of_the_batch_is_that_of_every_sample(name):
    data = described()
    backbone = build_small(name, data).train()
    losses = losses_of(backbone, samples_of(backbone, data))
    assert not backbone.has_sample_losses
    assert len(losses.unique()) == 1


def test_an_auto_encoder_meets_each_user_once():
    data = described()
    backbone = build_small("MultiDAE", data)
    assert sorted(data.user[backbone.rows]) == sorted(set(data.user))


@pytest.mark.parametrize("name", ["EASE", "Pop", "NCEPLRec"])
def test_what_is_complete_as_built_has_no_losses(name):
    data = described()
    with pytest.raises(ModelError, match=f"^RecBole's {name} is complete as it is built.*$"):
        build_small(name, data).loss_per_sample(triplets(data))


def test_a_loss_that_needs_ratings_is_refused():
    data = interactions(rating=[float(1 + row % 5) for row in range(30)])
    backbone = build("DMF", data, {"inter_matrix_type": "rating"})
    with pytest.raises(ModelError, match="DMF asks its samples for 'rating'"):
        backbone.loss_per_sample(triplets(data))


def test_a_loss_of_another_shape_is_refused(monkeypatch):
    data = interactions()
    backbone = build("BPR", data)
    monkeypatch.setattr(backbone.model, "calculate_loss", lambda rows: torch.zeros(()))
    with pytest.raises(ModelError, match=r"BPR gives no losses per sample: 30 samples gave a loss of shape \(\)"):
        backbone.loss_per_sample(triplets(data))
