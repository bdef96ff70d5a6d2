"""The encoder's first layer taken apart, against the whole: the same product, whatever is larger, batch or tables."""

import pytest
import torch

from recval.adapter import Observer
from recval.backbones import build
from recval.testing import planted
from recval.training import TripletSampler
from recval.valuation import DVRSettings
from recval.valuation.learner import ValuatorLearner
from recval.valuation.projection import Projection

INPUTS = [
    ("user", "item", "activity", "popularity"),
    ("loss", "item", "cosine", "negative", "user", "held-out"),
    ("negative",),
    ("popularity",),
]


@pytest.fixture(scope="module")
def data():
    split, _ = planted(n_users=60, n_items=80)
    sampler = TripletSampler(split.train)
    (batch,) = sampler.epoch(len(split.train), torch.Generator().manual_seed(0))
    return split, batch


@pytest.mark.parametrize("size", [0, 1, 59, 60, 61, 70, 81, 800])
@pytest.mark.parametrize("inputs", INPUTS)
@pytest.mark.parametrize("model", ["BPR", "NeuMF"])
def test_it_is_the_product_of_the_observations(data, model, inputs, size):
    split, batch = data
    backbone = build(model, split.train, {}, seed=0)
    observer = Observer(backbone, split.train, inputs, valid=split.valid)
    losses = torch.rand(size)
    weight = torch.randn(16, sum(observer.widths.values()))
    found = Projection(observer, backbone)(weight, batch[:size], losses)
    torch.testing.assert_close(found, observer(batch[:size], losses) @ weight.T, rtol=1e-4, atol=1e-5)
    assert observer.inputs == inputs


@pytest.mark.parametrize("hidden", [(), (8,), (8, 5)])
@pytest.mark.parametrize("kind", ["harsanyi_esp", "harsanyi_slots", "mlp"])
def test_weights_by_the_product_are_the_weights(kind, hidden):
    settings = DVRSettings(valuator=kind, hidden=hidden, temperature=0.5)
    learner = ValuatorLearner(6, settings, 0, "cpu", 32)
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        observations = torch.randn(32, 6, generator=generator)
        learner.learn(observations, observations[:, 0])
    expected = learner.weights(observations)
    assert expected.std() > 0.01
    torch.testing.assert_close(learner.weights_by(lambda weight: observations @ weight.T), expected)
