"""The exact one-step meta-gradient: how the reward responds to each sample's weight.

One step of gradient descent on weighted losses is `theta' = theta - eta/B * sum_m w_m grad l_m`. For a differentiable
reward M the response at the current weights is

    dM(theta') / dw_m = -(eta / B) <grad M, grad l_m>.

All B inner products are one directional derivative of the vector of losses. It is taken by differentiating the
vector-Jacobian product, which is linear in its vector, once more: two backward passes, whatever B is.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def gradient(value: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
    """Return the gradient of a scalar with respect to each parameter, zeros where it does not depend on it."""
    found = torch.autograd.grad(value, list(parameters), allow_unused=True)
    return [
        torch.zeros_like(parameter) if part is None else part for part, parameter in zip(found, parameters, strict=True)
    ]


def directional_derivatives(losses: Tensor, parameters: Sequence[Tensor], direction: Sequence[Tensor]) -> Tensor:
    """Return <direction, grad l_m> for each loss, shape [B], without a graph; the losses' graph is kept.

    Args:
        losses: the loss of each sample, shape [B], attached to the parameters.
        parameters: what to differentiate by.
        direction: a tensor of the shape of each parameter.
    """
    ones = torch.ones_like(losses, requires_grad=True)
    products = torch.autograd.grad(losses, list(parameters), grad_outputs=ones, create_graph=True, allow_unused=True)
    total = losses.new_zeros(())
    for product, part in zip(products, direction, strict=True):
        if product is not None:
            total = total + (product * part).sum()
    if not total.requires_grad:
        return torch.zeros_like(losses)
    return torch.autograd.grad(total, ones, retain_graph=True)[0].detach()


def reward_gains(
    losses: Tensor, reward: Tensor, parameters: Sequence[Tensor], step_sizes: Sequence[Tensor | float]
) -> Tensor:
    """Return dM/dw_m for one step from here, shape [B].

    Args:
        losses: the loss of each sample, shape [B], attached to the parameters; its graph is kept.
        reward: the differentiable reward at the current parameters, a scalar; higher is better.
        parameters: the backbone's parameters.
        step_sizes: eta for each parameter, a number or a tensor of the parameter's shape.
    """
    direction = [part * size for part, size in zip(gradient(reward, parameters), step_sizes, strict=True)]
    return -directional_derivatives(losses, parameters, direction) / len(losses)


def step_sizes(optimizer: torch.optim.Optimizer) -> list[Tensor | float]:
    """Return the step size eta of each parameter: what its gradient is multiplied by in the optimizer's next step.

    Adam divides by the root of its running mean of squared gradients, so it takes larger steps where gradients are
    small: for users and items with few interactions. The running mean is taken as it stands, and momentum spreads a
    gradient over several steps without changing their sum. Any other optimizer counts as gradient descent.
    """
    sizes: list[Tensor | float] = []
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            state = optimizer.state.get(parameter, {})
            if isinstance(optimizer, torch.optim.Adam) and "exp_avg_sq" in state:
                correction = 1 - group["betas"][1] ** float(state["step"])
                sizes.append(group["lr"] / ((state["exp_avg_sq"] / correction).sqrt() + group["eps"]))
            else:
                sizes.append(group["lr"])
    return sizes
