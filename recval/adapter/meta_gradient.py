"""The one-step meta-gradient: how the reward responds to each sample's weight.

A step of gradient descent on weighted losses is `theta' = theta - eta/B * sum_m w_m grad l_m`. For a differentiable
reward M the response at equal weights is exactly

    dM(theta') / dw_m = -(eta / B) <grad M, grad l_m>.

All B inner products are one directional derivative of the vector of losses. It is taken by differentiating the
vector-Jacobian product, which is linear in its vector, once more, along the direction: two backward passes, whatever B
is.

Adam divides each parameter's gradient by a scale of its own. Its step is taken as gradient descent with that scale, as
it will be in the coming step at equal weights, held fixed: how the weights change the scale itself is left out, and so
is momentum, which spreads a gradient over several steps without changing their sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from recval.errors import ModelError

StepSizes = Callable[[Sequence[Tensor]], list[Tensor | float]]
"""Gives the step size eta of each parameter, a number or a tensor of its shape, from the gradients of a step."""


def gradient(value: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
    """Return the gradient of a scalar with respect to each parameter, zeros where it does not depend on it."""
    found = torch.autograd.grad(value, list(parameters), allow_unused=True)
    return _filled(found, parameters)


def reward_gains(losses: Tensor, reward: Tensor, parameters: Sequence[Tensor], step_sizes: StepSizes) -> Tensor:
    """Return dM/dw_m for one step from here, at equal weights, shape [B], without a graph; the losses' graph is kept.

    Args:
        losses: the loss of each sample, shape [B], attached to the parameters.
        reward: the differentiable reward at the current parameters, a scalar; higher is better.
        parameters: the backbone's parameters.
        step_sizes: the step size of each parameter; see `descent` and `preconditioned`.

    Raises:
        ModelError: the losses cannot be differentiated twice.
    """
    towards = gradient(reward, parameters)
    ones = torch.ones_like(losses, requires_grad=True)
    products = torch.autograd.grad(losses, list(parameters), grad_outputs=ones, create_graph=True, allow_unused=True)
    sizes = step_sizes([part.detach() / len(losses) for part in _filled(products, parameters)])
    bent = [place for place, product in enumerate(products) if product is not None and product.requires_grad]
    if not bent:
        return torch.zeros_like(losses)
    directions = [towards[place] * sizes[place] for place in bent]
    with differentiating_twice():
        (found,) = torch.autograd.grad([products[place] for place in bent], ones, directions, retain_graph=True)
    return -found.detach() / len(losses)


@contextmanager
def differentiating_twice() -> Iterator[None]:
    """Say in one line where losses have no second derivative: cuDNN's recurrent layers have none.

    Raises:
        ModelError: they have none.
    """
    try:
        yield
    except RuntimeError as error:
        if "cudnn" not in str(error).lower():
            raise
        raise ModelError(
            "the losses must be differentiated twice, which torch cannot do for this model's recurrent layers on a GPU "
            "by cuDNN; train it with device=cpu, take a ranking metric as the reward, or a model such as SASRec"
        ) from error


def descent(learning_rate: float) -> StepSizes:
    """Return the step sizes of gradient descent."""
    return lambda gradients: [learning_rate] * len(gradients)


def preconditioned(optimizer: torch.optim.Adam) -> StepSizes:
    """Return the step sizes of Adam's coming step: lr / (sqrt(v') + eps) with the second moment v' after that step.

    Raises:
        ModelError: the optimiser is not Adam.
    """
    if "betas" not in optimizer.defaults or "eps" not in optimizer.defaults:
        raise ModelError(
            f"the size of the coming step is known for Adam only, found {type(optimizer).__name__}; train with Adam, "
            "or choose a reward without a gradient and rollouts=1"
        )

    def sizes(gradients: Sequence[Tensor]) -> list[Tensor | float]:
        found: list[Tensor | float] = []
        (group,) = optimizer.param_groups
        beta = group["betas"][1]
        for parameter, slope in zip(group["params"], gradients, strict=True):
            state = optimizer.state.get(parameter, {})
            step = float(state.get("step", 0)) + 1
            decay = group["weight_decay"]
            square = (slope.add(parameter.detach(), alpha=decay) if decay else slope).square().mul_(1 - beta)
            if "exp_avg_sq" in state:
                square.add_(state["exp_avg_sq"], alpha=beta)
            found.append(square.div_(1 - beta**step).sqrt_().add_(group["eps"]).reciprocal_().mul_(group["lr"]))
        return found

    return sizes


def _filled(found: Sequence[Tensor | None], parameters: Sequence[Tensor]) -> list[Tensor]:
    return [
        torch.zeros_like(parameter) if part is None else part for part, parameter in zip(found, parameters, strict=True)
    ]
