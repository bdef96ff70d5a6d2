"""The exact one-step meta-gradient against finite differences of the step itself."""

import pytest
import torch
from torch import nn

from recval.adapter import descent, preconditioned, reward_gains
from recval.errors import ModelError


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


def derivative(after, sample, step=1e-3):
    """The central difference of the reward after the step, by the weight of one sample."""
    shift = torch.zeros(len(USERS), dtype=torch.float64)
    shift[sample] = step
    return (after(1 + shift) - after(1 - shift)) / (2 * step)


@pytest.mark.parametrize("scaled", [False, True])
def test_gains_are_the_derivative_of_the_reward_after_the_step(scaled):
    model = Model()
    parameters = list(model.parameters())
    generator = torch.Generator().manual_seed(1)
    scales = [torch.rand(p.shape, generator=generator, dtype=torch.float64) for p in parameters]
    sizes = [1e-4 * scale for scale in scales] if scaled else descent(1e-4)(parameters)
    gains = reward_gains(model.losses(USERS, ITEMS), reward(model), parameters, lambda gradients: sizes)
    for sample in range(len(USERS)):
        # What remains is the curvature of the reward over the step, of order eta^2.
        assert gains[sample].item() == pytest.approx(derivative(lambda w: reward_after(w, sizes), sample), rel=1e-3)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("steps", [0, 1, 40])
def test_preconditioned_sizes_are_those_of_the_coming_step_of_adam(weight_decay, steps):
    """Adam without momentum moves a parameter by size times gradient, rows that were never touched included."""
    model = Model()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, betas=(0.0, 0.999), weight_decay=weight_decay)
    for _ in range(steps):
        optimizer.zero_grad()
        model.losses(USERS[1:], ITEMS[1:]).mean().backward()
        optimizer.step()
    optimizer.zero_grad()
    model.losses(USERS, ITEMS).mean().backward()
    trained = [p for p in model.parameters() if p.grad is not None]
    before = [parameter.detach().clone() for parameter in trained]
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in model.parameters()]
    sizes = preconditioned(optimizer)(gradients)
    optimizer.step()
    sized = [(s, g) for s, g, p in zip(sizes, gradients, model.parameters(), strict=True) if p.grad is not None]
    for parameter, old, (size, slope) in zip(trained, before, sized, strict=True):
        torch.testing.assert_close(old - parameter.detach(), size * (slope + weight_decay * old), rtol=1e-9, atol=1e-15)


def test_a_number_that_no_step_has_moved_has_no_size():
    model = Model()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    model.losses(USERS, ITEMS).mean().backward()
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in model.parameters()]
    sizes = preconditioned(optimizer)(gradients)
    by_name = dict(zip((name for name, _ in model.named_parameters()), sizes, strict=True))
    assert by_name["users.weight"][3].tolist() == [0, 0, 0], "user 3 was never met"
    assert by_name["unused"].tolist() == [0, 0]
    assert all(((size > 0) == (slope != 0)).all() for size, slope in zip(sizes, gradients, strict=True))
    assert max(size.max().item() for size in sizes) < 1e5


def test_an_optimiser_whose_step_is_not_known_is_told():
    with pytest.raises(ModelError, match="known for Adam only, found SGD; train with Adam, or .* rollouts=1"):
        preconditioned(torch.optim.SGD(Model().parameters(), lr=0.1))


def test_gains_under_adam_follow_finite_differences_of_its_real_step():
    """Adam's own scale also moves with the weights, so signs and order agree, not digits; with rows hardly seen."""

    def trained(weights=None):
        model = Model()
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.0, 0.999))
        for _ in range(30):
            optimizer.zero_grad()
            model.losses(USERS[:4], ITEMS[:4]).mean().backward()
            optimizer.step()
        if weights is not None:
            optimizer.zero_grad()
            (weights * model.losses(USERS, ITEMS)).mean().backward()
            optimizer.step()
        return model, optimizer

    model, optimizer = trained()
    gains = reward_gains(model.losses(USERS, ITEMS), reward(model), list(model.parameters()), preconditioned(optimizer))
    true = torch.tensor([derivative(lambda w: reward(trained(w)[0]).item(), m) for m in range(4)])
    assert torch.equal(gains[:4].sign(), true.sign().double())
    assert torch.corrcoef(torch.stack([gains[:4], true.double()]))[0, 1] > 0.9
    assert gains.abs().max() < 1e-2, "a row that was hardly seen has an enormous gain"


def test_gains_equal_one_gradient_a_sample():
    model = Model()
    parameters = list(model.parameters())
    towards = torch.autograd.grad(reward(model), parameters, allow_unused=True)
    gains = reward_gains(model.losses(USERS, ITEMS), reward(model), parameters, descent(0.5))
    for sample in range(len(USERS)):
        gradients = torch.autograd.grad(model.losses(USERS, ITEMS)[sample], parameters, allow_unused=True)
        inner = sum((g * d).sum() for g, d in zip(gradients, towards, strict=True) if g is not None)
        assert gains[sample].item() == pytest.approx(-0.5 / len(USERS) * inner.item(), abs=1e-12)


class OnceDifferentiable(torch.autograd.Function):
    """Squares, like cuDNN's recurrent layers: the gradient is there, and has no derivative."""

    message = "derivative for _cudnn_rnn_backward is not implemented. Double backwards is not supported for CuDNN RNNs"

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad):
        return NoDerivative.apply(ctx.saved_tensors[0], grad)


class NoDerivative(torch.autograd.Function):
    """The gradient of `OnceDifferentiable`."""

    @staticmethod
    def forward(ctx, x, grad):
        return 2 * x * grad

    @staticmethod
    def backward(ctx, grad):
        raise NotImplementedError(OnceDifferentiable.message)


@pytest.mark.parametrize(
    ("message", "error", "said"),
    [
        (OnceDifferentiable.message, ModelError, r"^the losses must be differentiated twice[^\n]* device=cpu[^\n]*$"),
        ("out of memory", NotImplementedError, "^out of memory$"),
    ],
)
def test_losses_without_a_second_derivative_are_told(monkeypatch, message, error, said):
    monkeypatch.setattr(OnceDifferentiable, "message", message)
    weight = torch.tensor([2.0, 3.0], requires_grad=True)
    losses = OnceDifferentiable.apply(weight)
    with pytest.raises(error, match=said):
        reward_gains(losses, weight.sum(), [weight], descent(1.0))


def test_the_losses_graph_survives():
    model = Model()
    losses = model.losses(USERS, ITEMS)
    reward_gains(losses, reward(model), list(model.parameters()), descent(1.0))
    losses.mean().backward()
    assert model.users.weight.grad is not None


def test_losses_that_do_not_bend_have_the_right_gains():
    """A loss linear in its parameters: differentiating its gradient again must not fail."""
    weight = torch.tensor([2.0, 3.0], requires_grad=True)
    features = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    gains = reward_gains(features @ weight, (weight * torch.tensor([10.0, 1.0])).sum(), [weight], descent(1.0))
    assert gains.tolist() == [-5.0, -5.5]
