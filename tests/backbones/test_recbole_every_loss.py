"""The losses of every model of RecBole's, against RecBole's own loss and against themselves."""

import pytest
import torch
from recbole_samples import (
    BUILT,
    TRAINED,
    WEIGHABLE,
    build_small,
    described,
    in_the_fast_lane,
    losses_of,
    recboles_loss,
    samples_of,
    small,
    untouched,
)

FEW = ["BERT4Rec", "CKE", "CFKG", "ConvNCF", "DIEN", "DeepFM", "FM", "LINE", "MultiVAE", "NCL", "SASRec", "TransRec"]


@pytest.mark.parametrize("name", in_the_fast_lane(TRAINED, FEW))
def test_the_mean_loss_is_the_one_that_recbole_trains_on(name):
    data = described()
    backbone = build_small(name, data).train()
    reference = untouched(backbone, data, small(name), 3)
    batch = samples_of(backbone, data)
    expected = recboles_loss(reference, backbone, batch)
    losses = losses_of(backbone, batch)
    assert losses.shape == (len(batch),)
    assert losses.mean().item() == pytest.approx(expected.item(), rel=1e-5, abs=1e-6)
    losses.mean().backward()
    expected.backward()
    for ours, theirs in zip(backbone.model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", in_the_fast_lane(WEIGHABLE, FEW))
def test_another_sample_changes_the_losses_of_the_rest_by_a_shared_term_at_most(name):
    data = described()
    backbone = build_small(name, data).eval()
    for parameter in backbone.parameters():
        parameter.data.add_(torch.rand(parameter.shape, generator=torch.Generator().manual_seed(0)), alpha=0.3)
    batch = samples_of(backbone, data)
    rows = torch.arange(len(batch))
    other = torch.where(rows == 0, len(batch) - 1, rows)
    before = losses_of(backbone, batch)
    change = (losses_of(backbone, batch[other]) - before).detach()
    assert change[1:].numpy() == pytest.approx(change[1].item(), abs=2e-6 * max(1.0, before.abs().max().item()))
    assert abs(change[0] - change[1]) > 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILT)
def test_what_can_be_weighed_says_so(name):
    backbone = build_small(name, described())
    assert (backbone.needs_training, backbone.has_sample_losses) == (name in TRAINED, name in WEIGHABLE)
