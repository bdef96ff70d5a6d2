"""Negatives by popularity and by the model's scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from recval.backbones import build
from recval.errors import ConfigError, ModelError
from recval.ranking import ItemSets
from recval.testing import planted
from recval.training import Loop, Training, TripletSampler
from recval.valuation import HardNegatives, PopularityNegatives, Shuffled
from recval.valuation.resampler import candidates_of

SPLIT, _ = planted(40, 30, 12, seed=2)


def started(callback, model="BPR"):
    loop = Loop(
        build(model, SPLIT.train, {"embedding_size": 8}, seed=1), SPLIT, Training(), callbacks=[callback], seed=5
    )
    callback.before_fit(loop)
    callback.before_epoch(0)
    return loop


def batch_of(loop, n_samples, seed=3):
    generator = torch.Generator().manual_seed(seed)
    return loop.sampler.triplets(torch.randint(len(SPLIT.train), (n_samples,), generator=generator), generator)


def positives_among(batch):
    return ItemSets.of(SPLIT.train).contains(batch.user.numpy(), batch.negative.numpy()[:, None]).any()


@pytest.mark.parametrize("exponent", [0.75, -1.0, 0.0])
def test_popular_negatives_come_as_often_as_their_power_says(exponent):
    """A user's negative is each free item with odds count^exponent."""
    callback = PopularityNegatives(exponent=exponent)
    loop = started(callback)
    row = torch.zeros(20_000, dtype=torch.int64)
    batch = callback.resample(loop.sampler.triplets(row, torch.Generator().manual_seed(1)))
    assert not positives_among(batch)
    user = int(SPLIT.train.user[0])
    odds = np.maximum(SPLIT.train.item_counts(), 1.0) ** exponent
    odds[SPLIT.train.item[SPLIT.train.user == user]] = 0
    drawn = np.bincount(batch.negative.numpy(), minlength=len(odds))
    free = odds > 0
    assert drawn[~free].sum() == 0
    assert chisquare(drawn[free], len(row) * odds[free] / odds.sum()).pvalue > 1e-3


def test_an_item_that_nobody_has_can_be_a_negative():
    """Even where each item with training interactions is a positive of the user."""
    sampler = TripletSampler(SPLIT.train)
    counts = torch.from_numpy(SPLIT.train.item_counts()).clamp(min=1).double()
    assert (sampler.negatives(torch.arange(40), torch.Generator().manual_seed(1), counts) >= 0).all()


@pytest.mark.parametrize("model", ["BPR", "LightGCN", "CompiledBPR"])
def test_the_hard_negative_is_the_highest_scored_of_the_candidates(model):
    callback = HardNegatives(candidates=6)
    loop = started(callback, model)
    batch = batch_of(loop, 200)
    state = callback._generator.get_state()
    chosen = callback.resample(batch)
    callback._generator.set_state(state)
    candidates = candidates_of(batch, 6, loop.sampler, callback._generator).negative.view(-1, 6)
    assert torch.equal(candidates[:, 0], batch.negative)
    scores = loop.backbone.score(batch.user)
    best = scores.gather(1, candidates).max(dim=1).values
    torch.testing.assert_close(scores.gather(1, chosen.negative[:, None]).squeeze(1), best)
    assert not positives_among(chosen)
    assert (chosen.negative != batch.negative).float().mean() > 0.5
    for name in ("row", "user", "item"):
        assert torch.equal(getattr(chosen, name), getattr(batch, name))


def test_one_candidate_is_plain_training():
    callback = HardNegatives(candidates=1)
    batch = batch_of(started(callback), 50)
    assert torch.equal(callback.resample(batch).negative, batch.negative)


def test_the_placebo_of_hard_negatives_draws_as_if_at_random():
    hard = HardNegatives(candidates=6)
    placebo = Shuffled(hard)
    loop = started(placebo)
    batch = batch_of(loop, 4000)
    scores = loop.backbone.score(batch.user)

    def mean_of(samples):
        return float(scores.gather(1, samples.negative[:, None]).mean())

    spread = float(scores.std()) / np.sqrt(len(batch))
    assert abs(mean_of(placebo.resample(batch)) - mean_of(batch)) < 4 * spread
    assert mean_of(hard.resample(batch)) - mean_of(batch) > 20 * spread


def test_what_cannot_be_is_told():
    with pytest.raises(ConfigError, match="candidates"):
        HardNegatives(candidates=0)
    model = build("BPR", SPLIT.train, {"embedding_size": 8})
    model.has_sample_losses = False
    with pytest.raises(ModelError, match="HardNegatives compares samples by their losses"):
        HardNegatives().check(model, SPLIT)
