"""The game of training triplets: what a few steps on some of them are worth on validation data.

The players are T triplets (user, positive, negative). A coalition S is trained on from the present parameters, those
outside of it weigh nothing, and its value is the reward of the parameters that this leads to:

    v(S) = M(theta_S),    theta_S = theta - (eta / T) sum_{t in S} grad l_t(theta)    (again for each further step).

So theta itself is what nobody leads to, and a triplet's Shapley value is its part of what the whole step gains. To
train from the start on every coalition is the definition of data Shapley, and beyond reach: each value would cost
as many trainings as there are triplets. Here it costs as many steps, and says what the triplet is worth now.

eta is a learning rate, or Adam's sizes of the coming step, held fixed (`recval.adapter.meta_gradient`). The losses and
the reward are computed without dropout. The reward looks at the same sample of the validation data for all coalitions.

Source: He and Ma, "Interpretable Triplet Importance for Personalized Ranking", CIKM 2024 (arXiv 2407.19469), for the
players and the value. Different here: a coalition takes steps instead of a whole training.

Cost of a coalition: one backward pass of the triplets, one step over all parameters and one reward.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from recval.adapter.derivatives import differentiating_twice, sample_slopes
from recval.adapter.meta_gradient import StepSizes
from recval.adapter.rewards import DifferentiableReward
from recval.adapter.rewards.validation import evaluating
from recval.backbones import Backbone, Batch
from recval.games.game import Coalitions, Floats, Game

Result = TypeVar("Result")


class TripletGame(Game):
    """What steps on some of the triplets do to the reward.

    It holds the graph of the losses, so it stays in this process, and is of use until the parameters change.

    Args:
        backbone: the model; its parameters and its mode are left as they are.
        batch: the players, shape [T].
        reward: the reward on validation data.
        step_sizes: eta; see `recval.adapter.meta_gradient`.
        seed: of the sample of the validation data that the reward looks at.
        steps: how many steps a coalition takes.

    Attributes:
        steps: the same.
        parameters: the backbone's parameters.
    """

    def __init__(
        self,
        backbone: Backbone,
        batch: Batch,
        reward: DifferentiableReward,
        step_sizes: StepSizes,
        *,
        seed: int = 0,
        steps: int = 1,
    ) -> None:
        self.n_players = len(batch)
        self.steps = steps
        self._backbone, self._batch, self._reward, self._seed = backbone, batch, reward, seed
        self._names = [name for name, _ in backbone.named_parameters()]
        self.parameters = list(backbone.parameters())
        with evaluating(backbone):
            self._losses = backbone.loss_per_sample(batch)
        everyone = torch.ones_like(self._losses)
        self._sizes = step_sizes(self._slopes(self._losses, self.parameters, everyone))

    def value(self, coalitions: Coalitions) -> Floats:
        """Return the reward after the steps of each coalition, shape [B]."""
        masks = torch.from_numpy(coalitions).to(self._losses)
        with evaluating(self._backbone):
            return np.array([self._value(mask) for mask in masks], np.float64)

    def displacement(self, weights: Tensor) -> list[Tensor]:
        """Return sum_t w_t u_t for each parameter, u_t = eta grad l_t / T what the first step takes of a triplet.

        Args:
            weights: shape [T].
        """
        slopes = self._slopes(self._losses, self.parameters, weights)
        return [size * slope for size, slope in zip(self._sizes, slopes, strict=True)]

    def slopes(self, direction: Sequence[Tensor]) -> Tensor:
        """Return <u_t, direction> of each triplet, shape [T], without a graph.

        Args:
            direction: a tensor for each parameter.
        """
        scaled = [size * part for size, part in zip(self._sizes, direction, strict=True)]
        return sample_slopes(self._backbone, self._batch, scaled, self._losses) / self.n_players

    def reward_gradient(self) -> list[Tensor]:
        """Return the gradient of the reward at the present parameters, attached to them."""
        with evaluating(self._backbone), differentiating_twice():
            reward = self._measure(self._backbone)
            return list(torch.autograd.grad(reward, self.parameters, create_graph=True, materialize_grads=True))

    def _value(self, mask: Tensor) -> float:
        parameters, losses = list[Tensor](self.parameters), self._losses
        for step in range(self.steps):
            if step:
                losses = self._at(parameters, lambda backbone: backbone.loss_per_sample(self._batch))
            slopes = self._slopes(losses, parameters, mask)
            parameters = [
                (start - size * slope).detach().requires_grad_()
                for start, size, slope in zip(parameters, self._sizes, slopes, strict=True)
            ]
        return float(self._at(parameters, self._measure).detach())

    def _slopes(self, losses: Tensor, parameters: Sequence[Tensor], weights: Tensor) -> list[Tensor]:
        """Return the gradient of (1 / T) sum_t w_t l_t; the graph is kept."""
        found = torch.autograd.grad(
            losses, parameters, weights / self.n_players, retain_graph=True, materialize_grads=True
        )
        return list(found)

    def _measure(self, backbone: Backbone) -> Tensor:
        return self._reward(backbone, torch.Generator().manual_seed(self._seed))

    def _at(self, parameters: Sequence[Tensor], function: Callable[[Backbone], Tensor]) -> Tensor:
        """Return a function of the backbone with other parameters."""
        named = {f"backbone.{name}": tensor for name, tensor in zip(self._names, parameters, strict=True)}
        return functional_call(self._with_function, named, (function,))

    @cached_property
    def _with_function(self) -> nn.Module:
        return _WithFunction(self._backbone)


class _WithFunction(nn.Module):
    """A backbone whose forward pass is any function of it."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, function: Callable[[Backbone], Tensor]) -> Tensor:
        return function(self.backbone)
