"""Trial steps against steps taken from scratch; afterwards nothing has changed."""

import copy

import pytest
import torch
from torch import nn

from recval.adapter.meta_gradient import descent, preconditioned, reward_gains
from recval.adapter.trial_steps import rewards_after, trial_rewards
from recval.backbones import build
from recval.testing import planted
from recval.training import Callback, Loop, Training


class Model(nn.Module):
    """A model whose graph keeps its parameters, with shared rows and an unused parameter, in float64."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.users, self.items = nn.Embedding(5, 3), nn.Embedding(7, 3)
        self.layer, self.unused = nn.Linear(3, 3), nn.Parameter(torch.ones(2))
        self.double()

    def losses(self, users, items):
        return nn.functional.softplus(-(torch.tanh(self.layer(self.users(users))) * self.items(items)).sum(dim=1))


USERS, ITEMS = torch.tensor([0, 1, 1, 4, 2, 0]), torch.tensor([3, 3, 6, 0, 5, 3])
VALID_USERS, VALID_ITEMS = torch.tensor([1, 2, 0]), torch.tensor([0, 3, 6])
WEIGHTINGS = torch.tensor([[1, 1, 1, 1, 1, 1], [2, 0, 2, 0, 2, 0], [0, 0, 0, 0, 0, 6]], dtype=torch.float64)


def reward(model):
    return -model.losses(VALID_USERS, VALID_ITEMS).mean()


def parameters_of(model):
    return [parameter.detach().clone() for parameter in model.parameters()]


def alike(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("sized", [False, True])
def test_the_reward_is_that_of_the_step_taken_from_scratch(sized):
    model = Model()
    scales = [0.5 + torch.rand_like(parameter) for parameter in model.parameters()]

    def sizes(gradients):
        return scales if sized else [0.7] * len(gradients)

    found = rewards_after(
        model.losses(USERS, ITEMS), WEIGHTINGS, model.parameters(), sizes, lambda: reward(model).item()
    )
    for weights, measured in zip(WEIGHTINGS, found, strict=True):
        other = Model()
        (weights * other.losses(USERS, ITEMS)).mean().backward()
        with torch.no_grad():
            for parameter, size in zip(other.parameters(), sizes(scales), strict=True):
                parameter -= 0 if parameter.grad is None else size * parameter.grad
        assert measured == pytest.approx(reward(other).item(), abs=1e-14)
    assert len(set(found)) == 3


def test_nothing_has_changed_afterwards():
    model, untouched = Model(), Model()
    losses = model.losses(USERS, ITEMS)
    rewards_after(losses, WEIGHTINGS, model.parameters(), descent(0.1), lambda: reward(model).item())
    assert alike(parameters_of(model), parameters_of(untouched))
    losses.mean().backward()
    untouched.losses(USERS, ITEMS).mean().backward()
    gradients = [[p.grad for p in each.parameters() if p.grad is not None] for each in (model, untouched)]
    assert alike(*gradients)


def test_a_reward_that_fails_leaves_the_parameters_alone():
    model = Model()
    before = parameters_of(model)
    with pytest.raises(ZeroDivisionError):
        rewards_after(model.losses(USERS, ITEMS), WEIGHTINGS, model.parameters(), descent(0.1), lambda: 1 / 0)
    assert alike(parameters_of(model), before)


def test_at_equal_weights_it_is_adams_own_step_without_momentum():
    model = Model()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, betas=(0.0, 0.999))
    for _ in range(5):
        optimizer.zero_grad()
        model.losses(USERS[1:], ITEMS[1:]).mean().backward()
        optimizer.step()
    losses = model.losses(USERS, ITEMS)
    (tried,) = rewards_after(
        losses, WEIGHTINGS[:1], model.parameters(), preconditioned(optimizer), lambda: reward(model).item()
    )
    optimizer.zero_grad()
    losses.mean().backward()
    optimizer.step()
    assert tried == pytest.approx(reward(model).item(), abs=1e-14)


def test_for_small_steps_rewards_differ_as_the_meta_gradient_says():
    model = Model()
    losses, parameters = model.losses(USERS, ITEMS), list(model.parameters())
    found = rewards_after(losses, WEIGHTINGS, parameters, descent(1e-5), lambda: reward(model).item())
    gains = reward_gains(losses, reward(model), parameters, descent(1e-5))
    expected = WEIGHTINGS @ gains
    assert [r - reward(model).item() for r in found] == pytest.approx(expected.tolist(), rel=1e-3)


class Tries(Callback):
    """Tries steps before each actual one."""

    def before_fit(self, loop):
        self._loop, self.tried = loop, []

    def weigh(self, batch, losses):
        before = {name: tensor.clone() for name, tensor in self._loop.backbone.state_dict().items()}
        weightings = [torch.ones(len(batch)), torch.arange(len(batch)) * 2 / (len(batch) - 1)]
        self.tried += trial_rewards(self._loop, batch, losses, weightings, self.level)
        after = self._loop.backbone.state_dict()
        assert all(torch.equal(before[name], after[name]) for name in before)

    def level(self, backbone):
        return sum(parameter.square().sum().item() for parameter in backbone.parameters())


@pytest.mark.parametrize("model", ["BPR", "LightGCN", "CompiledBPR"])
def test_training_goes_on_as_if_nothing_had_been_tried(model):
    split, _ = planted()
    training = Training(epochs=2, batch_size=128, learning_rate=0.02)
    states, tries = [], Tries()
    for callbacks in ([], [tries]):
        backbone = build(model, split.train, {"embedding_size": 8}, seed=1)
        Loop(backbone, split, training, callbacks=callbacks).fit()
        states.append([tensor.clone() for tensor in backbone.state_dict().values()])
    assert alike(*states)
    assert len(set(tries.tried)) == len(tries.tried)


def test_a_backbone_that_takes_its_steps_itself_tries_its_own():
    split, _ = planted()
    backbone = build("CompiledBPR", split.train, {"embedding_size": 8}, seed=1)
    loop = Loop(backbone, split, Training(learning_rate=0.05, weight_decay=0.01))
    batch = next(iter(loop.sampler.epoch(64, torch.Generator().manual_seed(0))))
    weights = torch.rand(64, generator=torch.Generator().manual_seed(1))

    def level(model):
        return model.user_embedding.weight.square().sum().item()

    other = copy.deepcopy(backbone)
    other.step(batch, lambda losses: weights, 0.05, 0.01)
    assert trial_rewards(loop, batch, backbone.loss_per_sample(batch), [weights], level) == [level(other)]
