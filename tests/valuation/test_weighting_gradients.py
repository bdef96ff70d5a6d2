"""In-run values, TIL and BOD-style weights against finite differences of the step itself, in float64."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch.func import functional_call
from weighting_samples import Factors, auroc, fitted, noisy_split

from recval.adapter.meta_gradient import preconditioned
from recval.backbones import build
from recval.errors import ConfigError, DataError, ModelError
from recval.rng import torch_generator
from recval.testing import planted
from recval.training import Loop, Training
from recval.valuation import DVR, GradientMatching, InRun, LossRanking, TripletImportance

RATE = 1e-5


class Step:
    """A step on the whole training part, from a model that was trained before; what it does is taken from scratch."""

    def __init__(self, callback):
        split = planted(12, 28, 12)[0]
        torch.manual_seed(3)
        self.backbone = Factors(split.train)
        self.loop = Loop(self.backbone, split, Training(learning_rate=RATE), callbacks=[callback], seed=7)
        self.batch = self.loop.sampler.triplets(torch.arange(len(split.train)), torch.Generator().manual_seed(1))
        for _ in range(3):
            self.loop.optimizer.zero_grad()
            self.losses().mean().backward()
            self.loop.optimizer.step()
        slopes = torch.autograd.grad(self.losses().mean(), list(self.backbone.parameters()))
        self.sizes = preconditioned(self.loop.optimizer)(slopes)
        parameters = list(self.backbone.parameters())
        alone = [torch.autograd.grad(loss, parameters, retain_graph=True) for loss in self.losses()]
        self.own = [torch.stack(part) for part in zip(*alone, strict=True)]
        callback.before_fit(self.loop)
        callback.before_epoch(0)

    def losses(self):
        return self.backbone.loss_per_sample(self.batch)

    def slopes(self, weights):
        """The gradient of the weighted loss, by each sample's own gradient."""
        return [torch.tensordot(weights, part, dims=1) / len(weights) for part in self.own]

    def after(self, weights, outcome):
        """What `outcome` gives with the parameters after the weighted step."""
        named = dict(self.backbone.named_parameters())
        kept = {name: parameter.detach().clone() for name, parameter in named.items()}
        slopes = self.slopes(weights)
        with torch.no_grad():
            for parameter, slope, size in zip(named.values(), slopes, self.sizes, strict=True):
                parameter -= size * slope
            found = outcome()
            for name, parameter in named.items():
                parameter.copy_(kept[name])
        return float(found)


def test_in_run_values_are_what_a_weight_does_to_the_reward_after_the_step():
    callback = InRun(interval=1, users=6)
    step = Step(callback)
    callback.weigh(step.batch, step.losses())
    callback.after_epoch(0)
    callback.after_fit()

    def reward(weights):
        return step.after(weights, lambda: callback._reward(step.backbone, torch_generator(7, "in-run", 0)))

    weights, shift = torch.ones(len(step.batch), dtype=torch.float64), 0.5
    for sample in (0, 7, 31, 70):
        up, down = weights.clone(), weights.clone()
        up[sample] += shift
        down[sample] -= shift
        expected = (reward(up) - reward(down)) / (2 * shift)
        assert callback.values.value[sample] == pytest.approx(expected, rel=1e-3, abs=1e-13)


def test_in_run_values_look_every_so_many_steps():
    """Five steps an epoch and a look every fifth: each epoch tells of one batch, and what no look met has the mean."""
    split = planted(30, 40, 16)[0]
    callback = InRun(interval=5, users=10)
    fitted(callback, split, epochs=2, batch_size=60)
    count = callback.state_dict()["gains"]["count"].numpy()
    assert (len(count), count.sum(), count.max()) == (300, 120, 2)
    value = callback.values.value
    np.testing.assert_allclose(value[count == 0], value[count > 0].mean())
    assert len(np.unique(value[count > 0])) == (count > 0).sum()


def test_in_run_values_weigh_by_standardised_values_at_the_epochs_beginning_only_if_told_to():
    split = planted(30, 40, 16)[0]
    assert InRun(users=10).settings.weigh is False
    callback = InRun(interval=1, users=10, weigh=True, temperature=0.5)
    loop = fitted(callback, split, epochs=1, batch_size=60)
    callback.before_epoch(1)
    batch = loop.sampler.triplets(torch.arange(40), torch.Generator().manual_seed(0))
    weights = callback.weigh(batch, loop.backbone.loss_per_sample(batch))
    value = callback.values.value
    z = (value - value.mean()) / value.std()
    expected = 1 / (1 + np.exp(-z[:40] / 0.5))
    np.testing.assert_allclose(weights.numpy(), expected / expected.mean(), rtol=1e-6)


def directions(callback, observations, losses):
    """The network in float64 with weights that differ, the gradient of its outer loss, and a direction to try."""
    torch.manual_seed(5)
    network = callback.network.double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    callback.before_epoch(0)
    loss = callback.outer_loss(network(observations), losses)
    slopes = torch.autograd.grad(loss, list(network.parameters()), retain_graph=True)
    aims = [torch.randn_like(parameter) for parameter in network.parameters()]
    return loss.item(), sum(float((slope * aim).sum()) for slope, aim in zip(slopes, aims, strict=True)), aims


def along(callback, observations, aims, outcome, reach=1e-6):
    """The central difference of what the weights lead to, along a direction of the network's parameters."""
    found = []
    for sign in (1, -1):
        moved = {
            name: parameter.detach() + sign * reach * aim
            for (name, parameter), aim in zip(callback.network.named_parameters(), aims, strict=True)
        }
        with torch.no_grad():
            weights = functional_call(callback.network, moved, (observations,))
        found.append(outcome(weights))
    return (found[0] - found[1]) / (2 * reach)


def test_til_follows_the_outer_loss_after_the_step():
    callback = TripletImportance()
    step = Step(callback)
    observations, losses = callback._observe(step.batch, step.losses()).double(), step.losses()
    _, slope, aims = directions(callback, observations, losses)

    generator = torch_generator(7, "outer", 0)
    drawn = torch.randint(len(step.batch), (len(step.batch),), generator=generator)
    outer = step.loop.sampler.triplets(drawn, generator)

    def outer_loss(weights):
        return step.after(weights, lambda: step.backbone.loss_per_sample(outer).mean())

    gains = [
        -(outer_loss(1 + shift) - outer_loss(1 - shift)) / 2
        for shift in torch.eye(len(losses), dtype=torch.float64) / 2
    ]
    # The network's loss is the mean over samples in standard deviations; gains here are for half a weight.
    unit = np.std(gains) * 2 * len(losses)
    assert slope == pytest.approx(along(callback, observations, aims, outer_loss) / unit, rel=1e-3)


@pytest.mark.parametrize("distance", ["cosine", "l2"])
def test_bod_lowers_the_distance_of_the_weighted_gradient_from_the_rewards(distance):
    callback = GradientMatching(distance=distance, users=6)
    step = Step(callback)
    observations, losses = callback._observe(step.batch, step.losses()).double(), step.losses()
    loss, slope, aims = directions(callback, observations, losses)
    reward = callback._reward(step.backbone, torch_generator(7, "outer", 0))
    towards = torch.cat([-part.flatten() for part in torch.autograd.grad(reward, list(step.backbone.parameters()))])

    def apart(weights):
        found = torch.cat([part.flatten() for part in step.slopes(weights)])
        if distance == "l2":
            return float((found - towards).square().sum() / towards.square().sum())
        return float(1 - torch.nn.functional.cosine_similarity(found, towards, dim=0))

    assert loss == pytest.approx(apart(callback.network(observations).detach()), rel=1e-9)
    assert slope == pytest.approx(along(callback, observations, aims, apart), rel=1e-4)


def test_a_gradient_of_zero_has_no_direction_and_breaks_nothing():
    callback = GradientMatching(users=6)
    step = Step(callback)
    with torch.no_grad():
        for parameter in step.backbone.parameters():
            parameter.zero_()
    weights = callback.weigh(step.batch, step.losses())
    torch.testing.assert_close(weights, torch.ones_like(weights))


def test_the_network_starts_with_equal_weights_and_learns_at_looks_only():
    callback = TripletImportance(interval=2, learning_rate=0.1)
    step = Step(callback)
    before = [parameter.clone() for parameter in callback.network.parameters()]
    first = callback.network(callback._observe(step.batch, step.losses()))
    torch.testing.assert_close(first, torch.ones_like(first))
    callback.weigh(step.batch, step.losses())
    learnt = [parameter.clone() for parameter in callback.network.parameters()]
    assert any(not torch.equal(*pair) for pair in zip(before, learnt, strict=True))
    weights = callback.weigh(step.batch, step.losses())
    assert all(torch.equal(*pair) for pair in zip(learnt, callback.network.parameters(), strict=True))
    assert weights.mean().item() == pytest.approx(1, rel=1e-5)
    callback.after_fit()
    assert set(callback.values.count) == {2}
    assert callback.values.value.mean() == pytest.approx(1, rel=1e-5)


def test_what_clean_validation_tells_finds_more_noise_than_losses_do():
    """A fifth of the training interactions is with the other group's items; validation is clean."""
    found = {}
    in_run = InRun(interval=1, refresh=1, users=80)
    for callback in (LossRanking(), in_run, GradientMatching(interval=1, learning_rate=0.02)):
        split, noise = noisy_split()
        torch.manual_seed(0)
        fitted(callback, split)
        found[type(callback).__name__] = auroc(callback.values, noise)
    assert found["LossRanking"] > 0.8
    assert found["InRun"] > found["LossRanking"] + 0.05
    assert found["GradientMatching"] > found["LossRanking"] + 0.05


@pytest.mark.parametrize("make", [InRun, TripletImportance, GradientMatching])
def test_a_model_that_takes_its_own_steps_is_refused_in_one_line(make):
    split = planted(20, 30, 12)[0]
    with pytest.raises(ModelError, match=r"^CompiledBPR takes its training steps itself[^\n]*$"):
        fitted(make(), split, build("CompiledBPR", split.train), epochs=1)


@pytest.mark.parametrize("make", [InRun, GradientMatching])
def test_a_reward_without_a_gradient_is_refused(make):
    with pytest.raises(ConfigError, match=r"^reward: the reward 'ndcg@10' has no gradient.*such as bpr$"):
        make(reward="ndcg@10")


class WithoutDerivative(torch.autograd.Function):
    """The identity, which ends where it is differentiated, as cuDNN's recurrent layers do the second time."""

    @staticmethod
    def forward(ctx, weights):
        return weights.clone()

    @staticmethod
    def backward(ctx, grad):
        raise NotImplementedError("derivative for _cudnn_rnn_backward is not implemented")


def test_a_model_that_cannot_be_differentiated_twice_is_told(monkeypatch):
    monkeypatch.setattr(
        GradientMatching, "outer_loss", lambda self, weights, losses: WithoutDerivative.apply(weights).sum()
    )
    step = Step(callback := GradientMatching(interval=1, users=6))
    with pytest.raises(ModelError, match=r"^the losses must be differentiated twice[^\n]* device=cpu[^\n]*$"):
        callback.weigh(step.batch, step.losses())


@pytest.mark.parametrize("make", [DVR, partial(DVR, reward="likeness[training]"), InRun, GradientMatching])
def test_without_validation_data_one_line_says_so(make):
    split = planted(20, 30, 12)[0]
    split = replace(split, valid=split.valid.take(np.arange(0)))
    with pytest.raises(DataError, match=r"^a reward is measured on validation interactions[^\n]*split some off$"):
        fitted(make(), split, epochs=1)
