"""RecBole's models in recval's training loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from recbole_samples import TRAINED, build_small, described, in_the_fast_lane

from recval.data import Split
from recval.errors import ModelError
from recval.training import Callback, Loop, Training

FEW = ["DiffRec", "FM", "CKE", "LINE", "MultiVAE", "NCL", "RecVAE", "SASRec", "SGL"]


def split():
    data = described(n=36)
    part = np.arange(36)
    return Split(data.take(part[:30]), data.take(part[30:33]), data.take(part[33:]))


def trained(name, epochs, checkpoint=None, callbacks=()):
    data = split()
    backbone = build_small(name, data.train)
    settings = Training(epochs=epochs, batch_size=8, patience=100)
    progress = Loop(backbone, data, settings, seed=4, callbacks=callbacks).fit(checkpoint)
    return backbone.state_dict(), progress


@pytest.mark.parametrize("name", in_the_fast_lane(TRAINED, FEW))
def test_interrupted_and_resumed_equals_uninterrupted(name, tmp_path):
    whole, course = trained(name, 4)
    trained(name, 2, tmp_path / "checkpoint")
    resumed, resumed_course = trained(name, 4, tmp_path / "checkpoint")
    assert resumed_course == course
    assert list(resumed) == list(whole)
    assert all(torch.equal(resumed[key], whole[key]) for key in whole)


class Weighs(Callback):
    def weigh(self, batch, losses):
        return torch.ones_like(losses)


def test_what_has_no_losses_per_sample_cannot_be_weighed():
    with pytest.raises(ModelError, match="Weighs weighs samples, but this model's loss is one of the whole batch"):
        trained("MultiVAE", 1, callbacks=[Weighs()])
    assert trained("SASRec", 1, callbacks=[Weighs()])
