"""The exact one-step meta-gradient against finite differences of the step itself."""

import pytest
import torch
from torch import nn

from recval.adapter import directional_derivatives, reward_gains, step_sizes


class Model(nn.Module):
    """A model with shared, sparse and unused parameters, in float64."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.users, self.items = nn.Embedding(5, 3), nn.Embedding(7, 3)
        self.scale = nn.Parameter(torch.ones(3))
        self.unused = nn.Parameter(torch.ones(2))
        self.double()

    def losses(self, users, items):
        margin = (self.users(users) * self.scale * torch.tanh(self.items(items))).sum(dim=1)
        return nn.functional.softplus(-margin)


USERS, ITEMS = torch.tensor([0, 1, 1, 4, 2, 0]), torch.tensor([3, 3, 6, 0, 5, 3])
VALID_USERS, VALID_ITEMS = torch.tensor([1, 2, 0]), torch.tensor([0, 3, 6])


def reward(model):
    return -model.losses(VALID_USERS, VALID_ITEMS).mean()


def reward_after(weights, sizes):
    """The reward after the weighted step, taken from scratch."""
    model = Model()
    parameters = list(model.parameters())
    loss = (weights * model.losses(USERS, ITEMS)).mean()
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    with torch.no_grad():
        for parameter, gradient, size in zip(parameters, gradients, sizes, strict=True):
            if gradient is not None:
                parameter -= size * gradient
    return reward(model).item()


@pytest.mark.parametrize("preconditioned", [False, True])
def test_gains_are_the_derivative_of_the_reward_after_the_step(preconditioned):
    model = Model()
    parameters = list(model.parameters())
    generator = torch.Generator().manual_seed(1)
    shapes = [torch.rand(p.shape, generator=generator, dtype=torch.float64) for p in parameters]
    scale = shapes if preconditioned else [1.0] * len(parameters)
    eta = 1e-4
    gains = reward_gains(model.losses(USERS, ITEMS), reward(model), parameters, [eta * size for size in scale])
    step = 1e-3
    for sample in range(len(USERS)):
        shift = torch.zeros(len(USERS), dtype=torch.float64)
        shift[sample] = step
        ones = torch.ones_like(shift)
        sizes = [eta * size for size in scale]
        difference = (reward_after(ones + shift, sizes) - reward_after(ones - shift, sizes)) / (2 * step)
        # What remains is the curvature of the reward over the step, of order eta^2.
        assert gains[sample].item() == pytest.approx(difference, rel=1e-3)


def test_directional_derivatives_equal_one_gradient_a_sample():
    model = Model()
    parameters = list(model.parameters())
    direction = [torch.randn_like(parameter) for parameter in parameters]
    found = directional_derivatives(model.losses(USERS, ITEMS), parameters, direction)
    for sample in range(len(USERS)):
        gradients = torch.autograd.grad(model.losses(USERS, ITEMS)[sample], parameters, allow_unused=True)
        expected = sum((g * d).sum() for g, d in zip(gradients, direction, strict=True) if g is not None)
        assert found[sample].item() == pytest.approx(expected.item(), abs=1e-12)


def test_the_losses_graph_survives():
    model = Model()
    losses = model.losses(USERS, ITEMS)
    directional_derivatives(losses, list(model.parameters()), [torch.ones_like(p) for p in model.parameters()])
    losses.mean().backward()
    assert model.users.weight.grad is not None


def test_losses_that_do_not_bend_have_the_right_gains():
    """A loss linear in its parameters: differentiating its gradient again must not fail."""
    weight = torch.tensor([2.0, 3.0], requires_grad=True)
    features = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    found = directional_derivatives(features @ weight, [weight], [torch.tensor([10.0, 1.0])])
    assert found.tolist() == [10.0, 11.0]


def test_step_sizes_are_those_of_adam():
    """A tiny change of the next gradient changes Adam's next step, without momentum, by the step size."""
    parameter = nn.Parameter(torch.tensor([1.0, 1.0], dtype=torch.float64))
    optimizer = torch.optim.Adam([parameter], lr=0.1, betas=(0.0, 0.999))
    assert step_sizes(optimizer) == [0.1]
    for gradient in ([1.0, 0.01], [3.0, 0.02], [2.0, 0.05]):
        parameter.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
    before = parameter.detach().clone()
    sizes = step_sizes(optimizer)[0]
    parameter.grad = torch.tensor([1e-9, 1e-9], dtype=torch.float64)
    optimizer.step()
    # The running mean of squares decays a little in between: by 0.999 and its bias correction.
    torch.testing.assert_close(before - parameter.detach(), sizes * 1e-9, rtol=0.2, atol=0)
    assert step_sizes(torch.optim.SGD([parameter], lr=0.5)) == [0.5]
