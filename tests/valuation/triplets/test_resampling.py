"""Triplet Shapley in training: how triplets are drawn and weighed, what is learnt, and what is kept."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from valuation.weighting_samples import Factors, auroc, fitted

from recval.backbones import build
from recval.errors import ConfigError, DataError, ModelError
from recval.ranking import ItemSets
from recval.testing import planted
from recval.training import Loop, Training, TripletSampler
from recval.valuation import Shuffled, TripletShapley
from recval.valuation.resampler import candidates_of
from recval.valuation.triplets.importance_model import FitSettings, TripletStates, fitted_model
from recval.valuation.triplets.resampling import draw_probabilities

SPLIT, _ = planted(40, 30, 12, seed=2)
SMALL = {"refresh": 1, "triplets": 20, "users": 20, "fit_steps": 5, "candidates": 3}


def started(model="BPR", **settings):
    """A callback whose network has been fitted once, and its loop."""
    callback = TripletShapley(**SMALL | settings)
    loop = Loop(
        build(model, SPLIT.train, {"embedding_size": 8}, seed=1), SPLIT, Training(), callbacks=[callback], seed=5
    )
    callback.before_fit(loop)
    callback.before_epoch(1)
    return callback, loop


def batch_of(loop, n_samples=6):
    return loop.sampler.triplets(torch.arange(n_samples) * 7, torch.Generator().manual_seed(3))


@pytest.mark.parametrize("pool", ["negatives", "triplets"])
@pytest.mark.parametrize("uniform", [0.0, 0.2, 1.0])
def test_probabilities_are_those_of_the_softmax_and_the_mixture(pool, uniform):
    predicted = torch.randn(5, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 30 + 7
    found = draw_probabilities(predicted, 1 / 0.7, uniform, pool)
    z = (predicted.numpy() - predicted.numpy().mean()) / predicted.numpy().std() / 0.7
    rows = z if pool == "negatives" else z.reshape(1, -1)
    soft = np.exp(rows) / np.exp(rows).sum(1, keepdims=True)
    np.testing.assert_allclose(found, (1 - uniform) * soft + uniform / rows.shape[1], atol=1e-12)
    if uniform == 1:
        assert torch.equal(found, torch.full_like(found, 1 / rows.shape[1]))


def test_predictions_that_are_all_alike_draw_uniformly():
    assert torch.equal(draw_probabilities(torch.ones(3, 4), 1.0, 0.2, "negatives"), torch.full((3, 4), 0.25))


@pytest.mark.parametrize("pool", ["negatives", "triplets"])
def test_triplets_are_drawn_as_often_as_their_probabilities_say(pool):
    callback, _ = started(pool=pool, uniform=0.1)
    odds = draw_probabilities(torch.randn(6, 3, generator=torch.Generator().manual_seed(2)), 2.0, 0.1, pool)
    drawn = torch.cat([callback._drawn(odds) for _ in range(1500)])
    counts = np.bincount(drawn.numpy(), minlength=18)
    expected = odds.double().numpy() / odds.double().numpy().sum(1, keepdims=True) * 9000 / len(odds)
    assert chisquare(counts, expected.ravel(), sum_check=False).pvalue > 1e-3


@pytest.mark.parametrize("pool", ["negatives", "triplets"])
def test_the_unbiased_form_keeps_the_mean_loss_of_the_candidates(pool, monkeypatch):
    """Over many draws from the same candidates, the mean weighted loss is their exact mean; the mean weight is 1."""
    callback, loop = started(pool=pool, form="unbiased", temperature=0.7)
    batch = batch_of(loop)
    candidates = candidates_of(batch, 3, loop.sampler, torch.Generator().manual_seed(4))
    monkeypatch.setattr("recval.valuation.triplets.resampling.candidates_of", lambda *arguments: candidates)
    losses, weights, plain = [], [], []
    with torch.no_grad():
        exact = float(loop.backbone.loss_per_sample(candidates).mean())
        for _ in range(1200):
            drawn = callback.resample(batch)
            found = loop.backbone.loss_per_sample(drawn)
            weight = callback.weigh(drawn, found)
            losses.append(float((weight * found).mean()))
            weights.append(float(weight.mean()))
            plain.append(float(found.mean()))
    for numbers, mean in ((losses, exact), (weights, 1.0)):
        assert abs(np.mean(numbers) - mean) < 4 * np.std(numbers) / np.sqrt(len(numbers))
    assert abs(np.mean(plain) - exact) > 4 * np.std(plain) / np.sqrt(len(plain)), "the draws are as good as uniform"


@pytest.mark.parametrize("pool", ["negatives", "triplets"])
def test_samples_stay_those_of_the_batch(pool):
    callback, loop = started(pool=pool)
    batch = batch_of(loop)
    drawn = callback.resample(batch)
    assert len(drawn) == len(batch)
    assert set(drawn.row.tolist()) <= set(batch.row.tolist())
    if pool == "negatives":
        assert torch.equal(drawn.row, batch.row)
    assert not ItemSets.of(SPLIT.train).contains(drawn.user.numpy(), drawn.negative.numpy()[:, None]).any()
    assert callback.weigh(drawn, torch.ones(6)) is None


def test_predictions_without_skill_draw_uniformly_where_they_are_shrunk():
    callback, loop = started(shrink=True, form="unbiased", uniform=0.0)
    batch = batch_of(loop)
    callback._skill = 0.0
    assert torch.allclose(callback.weigh(callback.resample(batch), torch.ones(6)), torch.ones(6))
    callback._skill = 1.0
    assert not torch.allclose(callback.weigh(callback.resample(batch), torch.ones(6)), torch.ones(6), atol=0.1)


def test_before_the_first_valuation_training_is_plain():
    """And after it, it is not."""
    settings = {"epochs": 4, "learning_rate": 0.01}
    plain, late, early = (
        fitted(callback, SPLIT, build("BPR", SPLIT.train, {"embedding_size": 4}, seed=1), **settings).progress.history
        for callback in (
            Shuffled(TripletShapley(**SMALL | {"refresh": 9})),
            TripletShapley(**SMALL | {"refresh": 9}),
            TripletShapley(**SMALL | {"refresh": 2}),
        )
    )
    assert plain == late
    assert early[:2] == plain[:2]
    assert early[2:] != plain[2:]


def test_a_placebo_draws_from_the_same_candidates_by_the_wrong_numbers():
    """Its draws differ, and its weights belong to its own draws."""
    callback, loop = started(form="unbiased", temperature=0.3)
    placebo = Shuffled(callback)
    placebo._seed = 1
    placebo._generator = torch.Generator().manual_seed(1)
    batch = loop.sampler.triplets(torch.arange(200), torch.Generator().manual_seed(3))
    state = callback._generator.get_state()
    own = callback.resample(batch)
    own_weights = callback.weigh(own, torch.ones(200))
    callback._generator.set_state(state)
    other = placebo.resample(batch)
    weights = placebo.weigh(other, torch.ones(200))
    assert not torch.equal(own.negative, other.negative)
    assert weights.mean() == pytest.approx(1, abs=0.3)
    assert own_weights.sort().values[0] == pytest.approx(float(weights.sort().values[0]), rel=0.5)


def test_the_network_learns_what_can_be_told_from_the_states():
    """A value that is linear in the products is found; noise is not."""
    split, _ = planted()
    torch.manual_seed(1)
    backbone = Factors(split.train).float()
    sampler = TripletSampler(split.train)
    states = TripletStates(backbone, split.train)
    batch = sampler.triplets(torch.arange(600), torch.Generator().manual_seed(2))
    seen = states(batch)
    told = seen @ torch.linspace(-1, 1, seen.shape[1])
    noise = torch.randn(600, generator=torch.Generator().manual_seed(3))
    for target, low, high in ((told, 0.9, 1.0), (noise, -2.0, 0.2)):
        target = (target - target.mean()) / target.std(correction=0)
        model = fitted_model(seen[:400], target[:400], FitSettings(fit_steps=300), seed=4)
        fit = model.quality(seen[400:], target[400:])
        assert low < fit.r2 <= high
        assert low < fit.spearman + (0.05 if low > 0 else 0)


def test_states_are_the_products_of_the_vectors_the_scores_the_loss_and_the_popularity():
    torch.manual_seed(1)
    backbone, train = Factors(SPLIT.train), SPLIT.train
    batch = TripletSampler(train).triplets(torch.arange(9), torch.Generator().manual_seed(2))
    found = TripletStates(backbone, train)(batch)
    users, items = backbone.user_embedding.weight.detach().numpy(), backbone.item_embedding.weight.detach().numpy()
    for place, (user, item, negative) in enumerate(zip(batch.user, batch.item, batch.negative, strict=True)):
        mean = items[train.item[train.user == int(user)]].mean(0)
        products = [users[user] * items[i] + mean * items[i] for i in (item, negative)]
        scores = [users[user] @ items[i] for i in (item, negative)]
        popularity = [np.log1p((train.item == int(i)).sum()) for i in (item, negative)]
        expected = np.concatenate([*products, scores, [np.log1p(np.exp(scores[1] - scores[0]))], popularity])
        np.testing.assert_allclose(found[place], expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("model", ["BPR", "LightGCN", "NGCF"])
def test_the_network_finds_what_is_hard_for_the_user(model):
    """Of several negatives it values the one that the model scores highest, whatever the items' popularity.

    Vectors are far from their start, so that scores differ; some models score by vectors that they propagate first.
    """
    split, _ = planted(80, 60, 24)
    backbone = build(model, split.train, {"embedding_size": 16}, seed=1)
    with torch.no_grad():
        for parameter in backbone.parameters():
            parameter.mul_(4)
    backbone.train()
    sampler, states = TripletSampler(split.train), TripletStates(backbone, split.train)
    batch = sampler.triplets(torch.arange(len(split.train)), torch.Generator().manual_seed(2))
    backbone.eval()
    scores = backbone.score(torch.arange(80))
    hardness = scores[batch.user, batch.negative] - scores[batch.user, batch.item]
    hardness = (hardness - hardness.mean()) / hardness.std(correction=0)
    backbone.train()
    fitted_to = fitted_model(states(batch), hardness, FitSettings(), seed=4)
    unseen = candidates_of(batch[:200], 5, sampler, torch.Generator().manual_seed(5))
    with torch.no_grad():
        chosen = fitted_to(states(unseen)).view(-1, 5).argmax(1)
    hardest = scores[unseen.user, unseen.negative].view(-1, 5).argmax(1)
    assert (chosen == hardest).float().mean() > 0.8
    assert backbone.training


@pytest.mark.parametrize("model", ["LightGCN", "CompiledBPR", "NGCF"])
def test_it_works_with_other_models(model):
    """One with a graph, one that takes its steps itself, one with dropout."""
    callback = TripletShapley(**SMALL, permutations=1)
    loop = fitted(callback, SPLIT, build(model, SPLIT.train, {"embedding_size": 4}, seed=1), epochs=3)
    assert loop.progress.epoch == 3
    assert len(callback.fits) == 2
    assert callback.fits[0]["evaluations"] == 19
    assert all(np.isfinite(list(fit.values())).all() for fit in callback.fits)


def test_the_test_part_is_not_looked_at_but_the_validation_part_is():
    other, _ = planted(40, 30, 12, seed=7)
    found = []
    for split in (SPLIT, dataclasses.replace(SPLIT, test=other.test), dataclasses.replace(SPLIT, valid=SPLIT.test)):
        callback = TripletShapley(**SMALL)
        fitted(callback, split, build("BPR", SPLIT.train, {"embedding_size": 4}, seed=1), epochs=3)
        found.append(callback.values.value)
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_noise_is_valued_below_the_clean_interactions():
    """Noise is of the other half's items, and the validation part is clean."""
    split, noise = planted(80, 60, 24, noise=0.2)
    callback = TripletShapley(refresh=2, triplets=512, users=80, permutations=0, weight_decay=0.5)
    fitted(callback, split, epochs=12)
    assert auroc(callback.values, noise) > 0.65


def test_what_cannot_be_is_told():
    with pytest.raises(ConfigError, match="the reward 'ndcg@10' has no gradient"):
        TripletShapley(reward="ndcg@10")
    with pytest.raises(ConfigError, match="permutations compare the rewards of coalitions"):
        TripletShapley(reward="lambda-ndcg@10", permutations=2)
    with pytest.raises(ConfigError, match="uniform"):
        TripletShapley(uniform=1.5)
    backbone = build("BPR", SPLIT.train, {"embedding_size": 4})
    with pytest.raises(DataError, match="there are none; split some off"):
        TripletShapley().check(backbone, SPLIT.with_validation())
    backbone.has_sample_losses = False
    with pytest.raises(ModelError, match="this model's loss is one of the whole batch"):
        TripletShapley().check(backbone, SPLIT)
