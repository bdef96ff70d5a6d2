"""Trial steps: the reward after a step that is then taken back.

Several actions can be compared from the same parameters and the same batch, so that their rewards differ by the actions
alone: what the batch, the stage of training and the momentum of earlier steps do to the metric is the same for all.

A trial step is linear in the samples' weights, as the step of the meta-gradient is (`recval.adapter.meta_gradient`),

    theta_g = theta - eta * (1/B) sum_m w_gm grad l_m,

with the step sizes eta of the optimiser's coming step at equal weights; momentum and the decay of weights, which are
the same for all actions, are left out. A backbone that takes its training steps itself takes its own.

Cost: one backward pass, one step over all parameters and one reward for each action; the memory of two copies of the
parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from recval.adapter.meta_gradient import StepSizes, preconditioned
from recval.backbones import Batch, SelfTraining
from recval.backbones.base import Weigh
from recval.training import Loop


def rewards_after(
    losses: Tensor,
    weightings: Iterable[Tensor],
    parameters: Iterable[Tensor],
    step_sizes: StepSizes,
    reward: Callable[[], float],
) -> list[float]:
    """Return the reward after a step from here with each weighting; the parameters are left bit for bit as they are.

    Args:
        losses: the loss of each sample, shape [B], attached to the parameters; their graph is kept.
        weightings: weights of the samples, each of shape [B].
        parameters: the backbone's parameters.
        step_sizes: the step size of each parameter; see `descent` and `preconditioned`.
        reward: measures the reward of the parameters as they are.
    """
    parameters = list(parameters)
    sizes = step_sizes(_slopes(losses, torch.ones_like(losses), parameters))
    kept = [parameter.detach().clone() for parameter in parameters]
    found = []
    for weights in weightings:
        slopes = _slopes(losses, weights, parameters)
        try:
            for parameter, start, size, slope in zip(parameters, kept, sizes, slopes, strict=True):
                parameter.data.copy_(start - size * slope)
            found.append(reward())
        finally:
            # Through `.data`, which autograd does not watch: the graph of the losses is still that of the old numbers.
            for parameter, start in zip(parameters, kept, strict=True):
                parameter.data.copy_(start)
    return found


def trial_rewards(
    loop: Loop, batch: Batch, losses: Tensor, weightings: Iterable[Tensor], measure: Callable[..., float]
) -> list[float]:
    """Return the reward of a loop's backbone after a trial step with each weighting.

    Args:
        loop: the training loop, about to take a step.
        batch: the samples of that step.
        losses: the loss of each sample, shape [B]; see `Callback.weigh`.
        weightings: weights of the samples, each of shape [B].
        measure: gives the reward of a backbone.
    """
    backbone = loop.backbone
    if not isinstance(backbone, SelfTraining):
        sizes = preconditioned(loop.optimizer)
        return rewards_after(losses, weightings, backbone.parameters(), sizes, lambda: measure(backbone))
    kept = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    found = []
    for weights in weightings:
        try:
            backbone.step(batch, _always(weights), loop.settings.learning_rate, loop.settings.weight_decay)
            found.append(measure(backbone))
        finally:
            backbone.load_state_dict(kept)
    return found


def _always(weights: Tensor) -> Weigh:
    return lambda losses: weights


def _slopes(losses: Tensor, weights: Tensor, parameters: list[Tensor]) -> list[Tensor]:
    """Return the gradient of the mean weighted loss, zeros where it does not depend on a parameter."""
    found = torch.autograd.grad(losses, parameters, weights / len(losses), retain_graph=True, allow_unused=True)
    return [
        torch.zeros_like(parameter) if slope is None else slope
        for parameter, slope in zip(parameters, found, strict=True)
    ]
