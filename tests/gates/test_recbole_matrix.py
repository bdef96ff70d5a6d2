"""Every model of RecBole's, built on a part of MovieLens 100K, trained for one epoch in recval's loop and evaluated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import recval
from recval.backbones.recbole import build, catalogue, default_parameters, models
from recval.backbones.recbole.survey import markdown, survey
from recval.data import split_by_ratio
from recval.data.encoding import compact
from recval.errors import ModelError
from recval.training import Training

pytestmark = pytest.mark.slow

BUILT = [name for name in models() if name not in catalogue.UNMET]
PAGE = Path(__file__).parents[2] / "docs" / "models.md"

SIZES = {
    "attention_size": 4,
    "embedding_size": 8,
    "hidden_size": 8,
    "inner_size": 16,
    "kg_embedding_size": 8,
    "n_layers": 1,
    "MAX_ITEM_LIST_LENGTH": 10,
    "train_batch_size": 256,
    "weight_size": 8,
}
OWN = {
    "ADMMSLIM": {"k": 5},
    "ConvNCF": {"embedding_size": 64, "cnn_channels": [1, 4, 4, 4, 4]},
    "FEARec": {"n_layers": 2},
    "NCEPLRec": {"rank": 20},
    "NCL": {"num_clusters": 10},
    "NNCF": {"num_conv_kernel": 8},
}


def parameters_of(name):
    """RecBole's defaults with smaller layers."""
    defaults = default_parameters(name)
    chosen = {key: value for key, value in SIZES.items() if key in defaults}
    for key in ("mlp_hidden_size", "cin_layer_size", "hidden_size_list"):
        if isinstance(defaults.get(key), list):
            chosen[key] = [8] * len(defaults[key])
    return chosen | OWN.get(name, {})


@pytest.fixture(scope="module")
def split():
    data = recval.load("ml-100k")
    popular = np.argsort(-data.item_counts(), kind="stable")[:300]
    data = compact(data.take((data.user < 60) & np.isin(data.item, popular)))
    return split_by_ratio(data, rng=0)


@pytest.mark.parametrize("name", BUILT)
def test_a_model_is_trained_and_evaluated(name, split):
    backbone = build(name, split.train, parameters_of(name), seed=1)
    before = [parameter.detach().clone() for parameter in backbone.parameters()]
    result = recval.fit(split, backbone, training=Training(epochs=1, batch_size=512), rng=1)
    assert all(np.isfinite(value) and 0 <= value <= 1 for value in result.metrics.values())
    assert len(result.per_user) > 40
    changed = any(not torch.equal(*pair) for pair in zip(before, backbone.parameters(), strict=True))
    assert changed == backbone.needs_training
    if backbone.needs_training:
        assert np.isfinite(result.progress.history[0]["loss"])


def test_at_least_85_models_work():
    assert len(BUILT) >= 85
    assert len(models()) == 92


@pytest.mark.parametrize("name", catalogue.UNMET)
def test_a_model_that_cannot_work_says_what_it_needs(name, split):
    with pytest.raises(ModelError, match=f"^RecBole's {name} needs {catalogue.UNMET[name]}"):
        build(name, split.train)


def test_the_page_says_what_is_found():
    assert markdown(survey()) in PAGE.read_text(encoding="utf8")
