"""The one-step meta-gradient: how the reward responds to each sample's weight.

A step of gradient descent on weighted losses is `theta' = theta - eta/B * sum_m w_m grad l_m`. For a differentiable
reward M the response at equal weights is exactly

    dM(theta') / dw_m = -(eta / B) <grad M, grad l_m>.

All B inner products are slopes along one direction (`recval.adapter.derivatives`): two backward passes, whatever B is.

Adam divides each parameter's gradient by a scale of its own. Its step is taken as gradient descent with that scale, as
it will be in the coming step at equal weights, held fixed: how the weights change the scale itself is left out, and so
is momentum, which spreads a gradient over several steps without changing their sum.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from recval.adapter.derivatives import gradient, slopes_along
from recval.errors import ModelError

StepSizes = Callable[[Sequence[Tensor]], list[Tensor | float]]
"""Gives the step size eta of each parameter, a number or a tensor of its shape, from the gradients of a step."""


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
    rising = gradient(reward, parameters)

    def towards(total: Sequence[Tensor]) -> list[Tensor]:
        sizes = step_sizes([part / len(losses) for part in total])
        return [part * size for part, size in zip(rising, sizes, strict=True)]

    return -slopes_along(losses, parameters, towards) / len(losses)


def descent(learning_rate: float) -> StepSizes:
    """Return the step sizes of gradient descent."""
    return lambda gradients: [learning_rate] * len(gradients)


def preconditioned(optimizer: torch.optim.Adam) -> StepSizes:
    """Return the step sizes of Adam's coming step: lr / (sqrt(v') + eps) with the second moment v' after that step.

    A number that no step has moved yet, such as one of a row that was never met, has the size 0: lr / eps, a million
    times that of any other, would say nothing of the steps to come.

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
            slope = slope.add(parameter.detach(), alpha=decay) if decay else slope
            square = state["exp_avg_sq"] * beta if "exp_avg_sq" in state else torch.zeros_like(slope)
            root = square.addcmul_(slope, slope, value=1 - beta).sqrt_()
            still, scale = root == 0, math.sqrt(1 - beta**step)
            size = root.add_(group["eps"] * scale).reciprocal_().mul_(group["lr"] * scale)
            found.append(size.masked_fill_(still, 0))
        return found

    return sizes
