"""In-run values against all 2^n coalitions of a step, and against what the step really did; in float64."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import pytest
import torch
from torch import nn
from weighting_samples import fitted

from recval.adapter.derivatives import gradient, slopes_along
from recval.adapter.meta_gradient import descent
from recval.errors import ConfigError
from recval.testing import planted
from recval.valuation import InRun
from recval.valuation.weightings.in_run import value_direction

USERS, ITEMS = torch.tensor([0, 1, 1, 4, 2, 0]), torch.tensor([3, 3, 6, 0, 5, 3])
VALID_USERS, VALID_ITEMS = torch.tensor([1, 2, 0]), torch.tensor([0, 3, 6])
N = len(USERS)


class Model(nn.Module):
    """Factors with a shared scale and an unused parameter; the first two samples share a user, the last two others."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.users, self.items = nn.Embedding(5, 2), nn.Embedding(7, 2)
        self.scale, self.unused = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
        self.double()

    def losses(self, users, items):
        return nn.functional.softplus(-(self.users(users) * self.scale * torch.tanh(self.items(items))).sum(dim=1))


def reward(model):
    return -model.losses(VALID_USERS, VALID_ITEMS).mean()


def values(model, step_sizes, order):
    parameters = list(model.parameters())
    losses = model.losses(USERS, ITEMS)
    direction = value_direction(losses, reward(model), parameters, step_sizes, order)
    return -slopes_along(losses, parameters, lambda total: direction) / N


def moves(model, sizes):
    """What each sample moves the parameters by, flat, shape [N, P]."""
    parameters = list(model.parameters())
    found = []
    for sample in range(N):
        slopes = gradient(model.losses(USERS, ITEMS)[sample], parameters)
        found.append(torch.cat([(-size * slope / N).flatten() for size, slope in zip(sizes, slopes, strict=True)]))
    return torch.stack(found)


def expansion(model):
    """The reward's gradient and Hessian, flat, by differentiating each number of the gradient again."""
    parameters = list(model.parameters())
    slopes = torch.autograd.grad(reward(model), parameters, create_graph=True, allow_unused=True)
    flat = torch.cat(
        [
            torch.zeros_like(part).flatten() if slope is None else slope.flatten()
            for slope, part in zip(slopes, parameters, strict=True)
        ]
    )
    rows = [
        torch.cat([row.flatten() for row in gradient(number, parameters, keep_graph=True)])
        if number.requires_grad
        else torch.zeros(len(flat), dtype=torch.float64)
        for number in flat
    ]
    return flat.detach(), torch.stack(rows)


def shapley(utility):
    """The Shapley values of a game of N players, from all coalitions."""
    found = []
    for player in range(N):
        others = [other for other in range(N) if other != player]
        total = 0.0
        for size in range(N):
            share = factorial(size) * factorial(N - size - 1) / factorial(N)
            for coalition in combinations(others, size):
                total += share * (utility([*coalition, player]) - utility(list(coalition)))
        found.append(float(total))
    return torch.tensor(found, dtype=torch.float64)


def sizes_of(model, scaled):
    generator = torch.Generator().manual_seed(1)
    if not scaled:
        return [0.7] * len(list(model.parameters()))
    return [torch.rand(part.shape, generator=generator, dtype=torch.float64) for part in model.parameters()]


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("order", [1, 2])
def test_values_are_exact_shapley_values_of_the_steps_expansion(order, scaled):
    """Plain gradient descent, and a step size for each number."""
    model = Model()
    sizes = sizes_of(model, scaled)
    slope, hessian = expansion(model)
    moved = moves(model, sizes)

    def utility(coalition):
        move = moved[coalition].sum(0)
        return slope @ move + (order == 2) * 0.5 * move @ hessian @ move

    found = values(model, (lambda slopes: sizes) if scaled else descent(0.7), order)
    torch.testing.assert_close(found, shapley(utility), rtol=1e-10, atol=1e-12)
    assert found.sum().item() == pytest.approx(float(utility(list(range(N)))), rel=1e-10)


def test_the_second_order_sums_to_what_the_step_did_up_to_the_third():
    model = Model()
    sums = {order: values(model, descent(0.03), order).sum().item() for order in (1, 2)}
    before = reward(model).item()
    with torch.no_grad():
        for part, slope in zip(model.parameters(), gradient_of_step(model), strict=True):
            part -= 0.03 * slope
    change = reward(model).item() - before
    assert abs(change - sums[2]) < 0.05 * abs(change - sums[1])


def gradient_of_step(model):
    with torch.enable_grad():
        return gradient(model.losses(USERS, ITEMS).mean(), list(model.parameters()))


@pytest.mark.parametrize(
    ("settings", "rewards", "looks"),
    [
        ({"refresh": 3, "interval": 1}, 4, 10),
        ({"refresh": 1, "interval": 1}, 10, 10),
        ({"refresh": 50, "interval": 1}, 1, 10),
        ({"refresh": 3}, 3, 5),
        ({"order": 2, "refresh": 50, "interval": 2}, 5, 5),
    ],
)
def test_the_reward_is_looked_at_as_often_as_is_said(settings, rewards, looks):
    """Two epochs of five steps, 60 samples each."""
    split = planted(30, 40, 16)[0]
    callback, calls = InRun(users=10, **settings), []
    prepare = callback.before_fit

    def watched(loop):
        prepare(loop)
        measure = callback._reward
        callback._reward = lambda *arguments: calls.append(callback._steps) or measure(*arguments)

    callback.before_fit = watched
    fitted(callback, split, epochs=2, batch_size=60)
    assert len(calls) == rewards
    assert callback.state_dict()["gains"]["count"].sum() == 60 * looks


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"order": 3}, r"^order: unknown value '3' \(allowed: 1, 2\)$"),
        ({"refresh": 0}, "^refresh: should be greater than or equal to 1"),
    ],
)
def test_settings_are_checked(settings, named):
    with pytest.raises(ConfigError, match=named):
        InRun(**settings)
