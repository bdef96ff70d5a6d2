"""LightGCN on Gowalla takes the recorded course: the losses of two epochs, and the validation metric after them.

The whole training is `recval run gowalla-lightgcn training.device=cuda`.
"""

from __future__ import annotations

import os

import pytest

from recval.backbones import build
from recval.data import load_split
from recval.training import Loop, Training

PARAMETERS = {"embedding_size": 64, "n_layers": 3, "reg_weight": 1e-4, "require_pow": True}
SETTINGS = Training(epochs=2, batch_size=8192, learning_rate=0.01, monitor="recall@20", validate_every=2)
LOSSES = [0.27971, 0.11446]
RECALL = 0.10294


@pytest.mark.slow
@pytest.mark.skipif("RECVAL_DATA" not in os.environ, reason="RECVAL_DATA names no folder of data")
def test_losses_and_recall_are_the_recorded_ones():
    split = load_split("gowalla")
    progress = Loop(build("LightGCN", split.train, PARAMETERS, seed=0), split, SETTINGS, seed=0).fit()
    assert [epoch["loss"] for epoch in progress.history] == pytest.approx(LOSSES, rel=1e-3)
    assert progress.best_score == pytest.approx(RECALL, abs=5e-4)
