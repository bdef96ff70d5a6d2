"""Every weighting with several kinds of models: it trains, weighs with mean 1, values all, and resumes."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from weighting_samples import timed

from recval.backbones import build
from recval.testing import planted
from recval.testing.interrupting import Interrupted, InterruptedAfter
from recval.training import Loop, Training
from recval.valuation import (
    DVR,
    Balanced,
    GradientMatching,
    Influence,
    InRun,
    LossRanking,
    Propensity,
    ReweightedLoss,
    SelfPaced,
    Shuffled,
    TripletImportance,
    TruncatedLoss,
    Uniform,
    dvrl,
)

MODELS = {
    "BPR": {"embedding_size": 8},
    "NeuMF": {"mf_embedding_size": 8, "mlp_embedding_size": 8, "mlp_hidden_size": [8]},
    "NGCF": {"embedding_size": 8, "hidden_size_list": [8]},
    "LightGCN": {"embedding_size": 8, "n_layers": 1},
    "SASRec": {"hidden_size": 8, "inner_size": 16, "n_layers": 1, "n_heads": 1, "MAX_ITEM_LIST_LENGTH": 6},
}
WEIGHTINGS = {
    "uniform": Uniform,
    "shuffled": lambda: Shuffled(TripletImportance(interval=2, learning_rate=0.05)),
    "balanced": Balanced,
    "propensity": Propensity,
    "loss": LossRanking,
    "t-ce": lambda: TruncatedLoss(rate=0.3, steps=4),
    "r-ce": ReweightedLoss,
    "self-paced": lambda: SelfPaced(steps=5),
    "in-run": lambda: InRun(interval=2, refresh=4, users=10, weigh=True),
    "second order": lambda: InRun(order=2, interval=3, users=10),
    "influence": lambda: Influence(parameters="all", damping=100.0, users=10, draws=1),
    "til": lambda: TripletImportance(interval=2, learning_rate=0.05),
    "bod": lambda: GradientMatching(interval=2, users=10, learning_rate=0.05),
    "dvrl": lambda: dvrl(interval=2, users=10),
    "dvr": lambda: DVR(interval=2, users=10),
    "policy": lambda: DVR(interval=2, users=10, reward="ndcg@5"),
}
VALUELESS = {"uniform", "shuffled", "balanced"}
UNWEIGHED = {"uniform", "loss", "second order", "influence"}


@cache
def split():
    return timed(planted(40, 50, 14)[0])


def trained(name, callback, checkpoint=None, interrupted=None):
    """The loop after training, and the mean weight of each step."""
    means = []
    weigh = callback.weigh

    def watched(batch, losses):
        weights = weigh(batch, losses)
        if weights is not None:
            means.append(float(weights.mean()))
        return weights

    callback.weigh = watched
    settings = Training(epochs=2, batch_size=128, learning_rate=0.02)
    backbone = build(name, split().train, MODELS[name], seed=1)
    loop = Loop(backbone, split(), settings, callbacks=[callback, InterruptedAfter(interrupted)], seed=3)
    loop.fit(checkpoint)
    return loop, means


@cache
def plain(name):
    return trained(name, Uniform())[0].backbone.state_dict()


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_trained_weighed_valued_and_resumed(name, weighting, tmp_path):
    callback = WEIGHTINGS[weighting]()
    loop, means = trained(name, callback)
    np.testing.assert_allclose(means, 1, rtol=1e-5)
    assert means or weighting in UNWEIGHED
    state = loop.backbone.state_dict()
    assert all(torch.equal(state[key], plain(name)[key]) for key in state) == (weighting in UNWEIGHED)
    values = getattr(callback, "values", None)
    assert (values is None) == (weighting in VALUELESS)
    if values is not None:
        assert len(values) == len(split().train)
        assert np.isfinite(values.value).all()
        assert values.value.std() > 0
    again = WEIGHTINGS[weighting]()
    with pytest.raises(Interrupted):
        trained(name, WEIGHTINGS[weighting](), tmp_path / "checkpoint", 1)
    resumed, _ = trained(name, again, tmp_path / "checkpoint")
    assert resumed.progress == loop.progress
    assert all(torch.equal(state[key], tensor) for key, tensor in resumed.backbone.state_dict().items())
    if values is not None:
        assert again.values.to_table().equals(values.to_table())
