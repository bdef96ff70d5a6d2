"""Influence against a dense solve, and against fitting again without each interaction; in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch.func import functional_call
from weighting_samples import Factors

from recval.adapter.rewards import differentiable_reward
from recval.backbones import build
from recval.errors import ModelError
from recval.rng import torch_generator
from recval.testing import planted
from recval.training import Loop, Training
from recval.valuation import Influence
from recval.valuation.weightings.influence import block_of

DAMPING = 0.05


class Squared(Factors):
    """The same factors with a squared loss: with one side held, a quadratic model."""

    def loss_per_sample(self, batch):
        user, item = self.user_embedding(batch.user), self.item_embedding(batch.item)
        return (1 - (user * (item - self.item_embedding(batch.negative))).sum(1)).square() / 2


def prepared(model=Factors, **settings):
    """The callback before its work, with a model whose users' vectors are large enough to tell items apart."""
    split = planted(12, 28, 12, noise=0.2)[0]
    torch.manual_seed(3)
    backbone = model(split.train)
    with torch.no_grad():
        backbone.user_embedding.weight.mul_(10)
    callback = Influence(
        **{"draws": 2, "damping": DAMPING, "users": 12, "tolerance": 1e-13, "iterations": 5000, **settings}
    )
    loop = Loop(backbone, split, Training(batch_size=40), callbacks=[callback], seed=7)
    backbone.eval()
    callback.before_fit(loop)
    return callback, loop


class Losses(torch.nn.Module):
    """A model's losses as its forward pass, so that its parameters can be given by name."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, batch):
        return self.model.loss_per_sample(batch)


def dense(callback, loop, side):
    """The values by the whole Hessian of one table, and one gradient a sample."""
    table, batches = getattr(loop.backbone, f"{side}_embedding").weight, list(callback._batches())

    def losses(weight):
        named = {f"model.{side}_embedding.weight": weight}
        return torch.cat([functional_call(Losses(loop.backbone), named, (batch,)) for batch in batches])

    size, shape = table.numel(), table.shape
    start = table.detach().clone()
    hessian = torch.autograd.functional.hessian(lambda flat: losses(flat.view(shape)).mean(), start.flatten())
    alone = torch.autograd.functional.jacobian(lambda flat: losses(flat.view(shape)), start.flatten())
    reward = callback_reward(callback, loop)
    (slope,) = torch.autograd.grad(reward(), table)
    solved = torch.linalg.solve(hessian + DAMPING * torch.eye(size, dtype=torch.float64), slope.flatten())
    found = np.zeros((callback.settings.draws, len(loop.split.train)))
    rows = torch.cat([batch.row for batch in batches]).numpy().reshape(found.shape)
    np.put_along_axis(found, rows, -(alone @ solved).numpy().reshape(found.shape) / found.shape[1], axis=1)
    return found.mean(0)


def callback_reward(callback, loop):
    """The reward at the callback's own validation sample, as the parameters are."""
    reward = differentiable_reward("bpr", loop.split, users=callback.settings.users)
    return lambda: reward(loop.backbone, torch_generator(loop.seed, "influence"))


@pytest.mark.parametrize("model", [Factors, Squared])
@pytest.mark.parametrize("side", ["item", "user"])
def test_values_are_those_of_a_dense_solve(model, side):
    callback, loop = prepared(model, parameters=f"{side}s")
    callback.after_fit()
    np.testing.assert_allclose(callback.values.value, dense(callback, loop, side), rtol=1e-8, atol=1e-12)
    assert set(callback.values.count) == {2}


def minimum(design, shares, start):
    """The item vectors, flat, that minimise the weighted logistic losses and half the damped squares, by Newton."""
    for _ in range(30):
        chance = 1 / (1 + np.exp(design @ start))
        slope = -design.T @ (shares * chance) + DAMPING * start
        bend = (design * (shares * chance * (1 - chance))[:, None]).T @ design + DAMPING * np.eye(len(start))
        step = np.linalg.solve(bend, slope)
        start = start - step
        if np.abs(step).max() < 1e-12:
            return start
    raise AssertionError("Newton's method did not converge")


def test_values_rank_as_fitting_again_without_each_interaction_does():
    """A logistic model of the items' vectors, fitted to its minimum: all, and without each interaction in turn."""
    callback, loop = prepared()
    samples, n = list(callback._batches()), len(loop.split.train)
    rows, user, item, negative = (
        torch.cat([getattr(batch, name) for batch in samples]).numpy() for name in ("row", "user", "item", "negative")
    )
    vectors = loop.backbone.user_embedding.weight.detach().numpy()
    weight = loop.backbone.item_embedding.weight
    design = np.zeros((len(rows), *weight.shape))
    design[np.arange(len(rows)), item] += vectors[user]
    design[np.arange(len(rows)), negative] -= vectors[user]
    design, shares = design.reshape(len(rows), -1), np.full(len(rows), 1 / len(rows))
    reward = callback_reward(callback, loop)

    def reward_at(solution):
        with torch.no_grad():
            weight.copy_(torch.from_numpy(solution).view(weight.shape))
            return float(reward())

    fitted = minimum(design, shares, np.zeros(design.shape[1]))

    def fall(row, share):
        """How the reward falls when an interaction loses a share of its weight."""
        return reward_at(fitted) - reward_at(minimum(design, shares * (1 - share * (rows == row)), fitted))

    left_out = [fall(row, 1.0) for row in range(n)]
    slopes = [(fall(row, 1e-3) - fall(row, -1e-3)) / 2e-3 for row in range(0, n, 7)]
    reward_at(fitted)
    callback.after_fit()
    assert spearmanr(callback.values.value, left_out).statistic > 0.95
    np.testing.assert_allclose(callback.values.value[::7], slopes, rtol=1e-4, atol=1e-9)


def test_much_damping_leaves_the_gradients_alone():
    callback, loop = prepared(parameters="all", damping=1e6)
    callback.after_fit()
    parameters = list(loop.backbone.parameters())
    towards = torch.autograd.grad(callback_reward(callback, loop)(), parameters)
    expected = np.zeros(len(loop.split.train))
    for batch in callback._batches():
        for row, loss in zip(batch.row, loop.backbone.loss_per_sample(batch), strict=True):
            slopes = torch.autograd.grad(loss, parameters, retain_graph=True)
            inner = sum((slope * to).sum() for slope, to in zip(slopes, towards, strict=True))
            expected[row] -= float(inner) / (2 * len(expected))
    np.testing.assert_allclose(callback.values.value * 1e6, expected, rtol=1e-4, atol=1e-12)


def test_a_loss_that_is_not_convex_is_told_with_the_damping_that_it_takes():
    callback, _ = prepared(parameters="all", damping=0.0)
    with pytest.raises(ModelError, match=r"^the training loss is not convex[^\n]*set damping above 0\.\d+, or [^\n]*$"):
        callback.after_fit()


def test_a_solution_that_is_not_found_is_warned_of():
    callback, _ = prepared(iterations=1)
    with pytest.warns(UserWarning, match=r"^conjugate gradients .*raise iterations or damping$"):
        callback.after_fit()
    assert np.isfinite(callback.values.value).all()


@pytest.mark.parametrize("name", ["BPR", "LightGCN", "NeuMF", "CompiledBPR"])
@pytest.mark.parametrize("side", ["user", "item"])
def test_the_parameters_of_a_side_are_those_of_its_vectors(name, side):
    backbone = build(name, planted(20, 30, 12)[0].train)
    named = {key for key, parameter in backbone.named_parameters() if side in key and "embedding" in key}
    found = {id(parameter) for parameter in block_of(backbone, f"{side}s")}
    assert found == {id(parameter) for key, parameter in backbone.named_parameters() if key in named}
    assert len(block_of(backbone, "all")) == len(list(backbone.parameters()))


def test_a_model_that_takes_its_own_steps_can_be_valued():
    split = planted(20, 30, 12)[0]
    callback = Influence(damping=0.1)
    training = Training(epochs=2, learning_rate=0.05)
    Loop(build("CompiledBPR", split.train), split, training, callbacks=[callback]).fit()
    assert callback.values.value.std() > 0


def test_losses_of_a_whole_batch_are_refused():
    split = planted(20, 30, 12)[0]
    backbone = Factors(split.train)
    backbone.has_sample_losses = False
    with pytest.raises(ModelError, match=r"^Influence needs the loss of each interaction[^\n]*$"):
        Influence().check(backbone, split)
