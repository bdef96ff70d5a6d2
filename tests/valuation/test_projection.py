"""The encoder's first layer taken apart, against the whole: the same product, whatever is larger, batch or tables."""

from dataclasses import replace

import pyarrow as pa
import pytest
import torch

from recval.adapter import Observer
from recval.backbones import build
from recval.data import Interactions, Split
from recval.testing import planted
from recval.training import Loop, Training, TripletSampler
from recval.valuation import DVR, DVRSettings, Valuator
from recval.valuation.estimating import estimate_batches, observe
from recval.valuation.learner import ValuatorLearner
from recval.valuation.projection import Projection

INPUTS = [
    ("user", "item", "activity", "popularity"),
    ("loss", "item", "cosine", "negative", "user", "held-out"),
    ("negative",),
    ("popularity",),
    ("item[class]", "loss", "user", "user[gender]", "item", "activity"),
]


@pytest.fixture(scope="module")
def data():
    split, _ = planted(n_users=60, n_items=80)
    users, items = (
        replace(side, fields=pa.table({name: [f"{place % count}" for place in range(len(side))]}))
        for side, name, count in ((split.train.users, "gender", 2), (split.train.items, "class", 5))
    )
    train, valid, test = (Interactions(part.table, users, items) for part in (split.train, split.valid, split.test))
    split = Split(train, valid, test)
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


@pytest.mark.parametrize("hidden", [(), (8,)])
def test_samples_encoded_by_the_product_are_the_encoded_samples(hidden):
    valuator = Valuator(6, hidden=hidden)
    observations = torch.randn(32, 6, generator=torch.Generator().manual_seed(0)) * torch.logspace(-8, 3, 32)[:, None]
    found = valuator.encode_by(lambda weight: observations @ weight.T)
    torch.testing.assert_close(found, valuator.encode(observations), rtol=0, atol=5e-7)


@pytest.mark.parametrize("inputs", INPUTS)
def test_final_values_are_those_of_the_observations(data, inputs):
    split, _ = data
    dvr = DVR(inputs=inputs, interval=1, temperature=1.0)
    loop = Loop(build("BPR", split.train, {}, seed=0), split, Training(epochs=3, batch_size=256), callbacks=[dvr])
    loop.fit()
    valuator, observer = dvr.learner.valuator, Observer(loop.backbone, split.train, inputs, valid=split.valid)
    expected = torch.zeros(len(split.train))
    with torch.no_grad():
        for draw in range(dvr.settings.draws):
            for batch in estimate_batches(loop.sampler, 256, loop.seed, draw, None):
                expected[batch.row] += valuator(observe(loop.backbone, observer, batch)) / dvr.settings.draws
    assert expected.std() > 1e-4
    torch.testing.assert_close(torch.from_numpy(dvr.values.value).float(), expected, rtol=1e-3, atol=1e-5)
