"""Derivatives of losses and rewards by the parameters of a model: exact, and without a loop over samples.

The primitive of everything that values samples by gradients is the slope of every sample's loss along one direction d
in parameter space, <grad l_m, d> for all m: `sample_slopes` of a backbone's batch, `slopes_along` of losses that are
already there. The gradient of a weighted sum of losses is linear in the weights; differentiating it once more by them,
along d, gives all slopes at the cost of two backward passes, whatever B is, from the graph that training has built
anyway, dropout included. Forward-mode differentiation would run the model once more, costs as much, and stops at
operations of one's own; so it is not used. Matrix factorisation has a closed form that is quicker than either
(`recval.backbones.margin_slopes`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor

from recval.backbones import Backbone, Batch
from recval.errors import ModelError


class SampleSlopes(Protocol):
    """Gives the slope of each sample's loss along a direction; see `sample_slopes`."""

    def __call__(self, batch: Batch, losses: Tensor | None = None) -> Tensor:
        """Return the slopes, shape [B], without a graph."""


def gradient(value: Tensor, parameters: Sequence[Tensor], *, keep_graph: bool = False) -> list[Tensor]:
    """Return the gradient of a scalar with respect to each parameter, zeros where it does not depend on it."""
    found = torch.autograd.grad(value, list(parameters), retain_graph=keep_graph, allow_unused=True)
    return _filled(found, parameters)


def gradient_and_curvature(
    value: Tensor, parameters: Sequence[Tensor], along: Sequence[Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    """Return the gradient of a scalar, and its Hessian times a direction; both without a graph, zeros where it is flat.

    Raises:
        ModelError: the scalar cannot be differentiated twice.
    """
    with differentiating_twice():
        first = torch.autograd.grad(value, list(parameters), create_graph=True, allow_unused=True)
        bent = [place for place, part in enumerate(first) if part is not None and part.requires_grad]
        found: Sequence[Tensor | None] = [None] * len(parameters)
        if bent:
            aims = [along[place] for place in bent]
            found = torch.autograd.grad([first[place] for place in bent], list(parameters), aims, allow_unused=True)
    return [part.detach() for part in _filled(first, parameters)], _filled(found, parameters)


def sample_slopes(
    backbone: Backbone, batch: Batch, direction: Sequence[Tensor], losses: Tensor | None = None
) -> Tensor:
    """Return the slope of each sample's loss along a direction, <grad l_m, d>, shape [B], without a graph.

    Args:
        backbone: the model.
        batch: the samples.
        direction: d, a tensor for each of the backbone's parameters.
        losses: the samples' losses, shape [B], if they are there already; their graph is kept.

    Raises:
        ModelError: the losses cannot be differentiated twice.
    """
    return slopes_towards(backbone, direction)(batch, losses)


def slopes_towards(backbone: Backbone, direction: Sequence[Tensor]) -> SampleSlopes:
    """Return what `sample_slopes` does along one direction, for many batches; the model may be trained between them."""
    quick = backbone.slopes_along(direction)
    if quick is not None:
        return lambda batch, losses=None: quick(batch)
    parameters = list(backbone.parameters())

    def differentiated(batch: Batch, losses: Tensor | None = None) -> Tensor:
        losses = backbone.loss_per_sample(batch) if losses is None else losses
        return slopes_along(losses, parameters, lambda total: direction)

    return differentiated


def slopes_along(
    losses: Tensor, parameters: Sequence[Tensor], towards: Callable[[Sequence[Tensor]], Sequence[Tensor]]
) -> Tensor:
    """Return the slope of each loss along a direction, shape [B], without a graph; the losses' graph is kept.

    Args:
        losses: the loss of each sample, shape [B], attached to the parameters.
        parameters: the model's parameters.
        towards: gives the direction, a tensor for each parameter, from the gradient of the sum of the losses, which is
            there anyway.

    Raises:
        ModelError: the losses cannot be differentiated twice.
    """
    ones = torch.ones_like(losses, requires_grad=True)
    products = torch.autograd.grad(losses, list(parameters), grad_outputs=ones, create_graph=True, allow_unused=True)
    direction = towards([part.detach() for part in _filled(products, parameters)])
    bent = [place for place, product in enumerate(products) if product is not None and product.requires_grad]
    if not bent:
        return torch.zeros_like(losses)
    aims = [direction[place] for place in bent]
    with differentiating_twice():
        (found,) = torch.autograd.grad([products[place] for place in bent], ones, aims, retain_graph=True)
    return found.detach()


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


def _filled(found: Sequence[Tensor | None], parameters: Sequence[Tensor]) -> list[Tensor]:
    return [
        torch.zeros_like(parameter) if part is None else part for part, parameter in zip(found, parameters, strict=True)
    ]
