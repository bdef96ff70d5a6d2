"""In-run data values: how much each interaction's steps have moved a reward on validation data.

In a step with step sizes eta, the sample m moves the parameters by Delta_m = -(eta / B) grad l_m. The samples of the
step play a game whose utility is the change of a differentiable reward M by their moves together. Expanded in the
moves, with Delta the sum of all, the Shapley value of a sample in the step is exactly

    order 1:  <grad M, Delta_m>                        where M is taken as linear over the step,
    order 2:  <grad M + H Delta / 2, Delta_m>          where M is taken as quadratic, H its Hessian.

So the values of a step's samples sum to the change of the reward, as expanded, where all weigh the same; a sample that
training gives another weight is valued by the move that it would make without. The value of an interaction is the mean
over the looked-at steps that it took part in: the sum over those steps is the value times their number.

How to choose: order 1 with an `interval` of 2 and a `refresh` of many steps costs a tenth to a fifth of a plain
training with BPR. Steps are small, so that order 2 seldom changes the ranking. Order 2 tells samples of a batch apart
that do the same: they share what the batch does too much.
Do not use it where the reward has no gradient (`DVR` with a metric), or where a value is to hold for other runs than
this one: these are values of the steps that this run took.

Sources: Wang et al., "Data Shapley in One Training Run" (arXiv 2406.11011), theorems on the first- and second-order
in-run Data Shapley values; Pruthi et al., "Estimating Training Data Influence by Tracing Gradient Descent" (TracIn),
NeurIPS 2020, equation 1. Different here: the step sizes are Adam's (`recval.adapter.meta_gradient`), the validation
data is sampled anew at each refresh, the direction is kept between refreshes, and values are means over looks.

Cost: a look takes the slopes of the batch's losses (`recval.adapter.derivatives`), for BPR a tenth of a step, else
about two backward passes of the batch. A refresh takes the reward's forward and backward pass, one backward pass of the
batch and the step sizes of all parameters, two to three steps' worth; with order 2, which refreshes at every look, two
of the reward. Memory for a direction of the size of the model, and for a number of each interaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from recval.adapter.derivatives import gradient, gradient_and_curvature, slopes_towards
from recval.adapter.meta_gradient import StepSizes, preconditioned
from recval.backbones import Backbone, Batch
from recval.data import Split
from recval.declarations import Declaration
from recval.games import Values
from recval.rng import isolated, torch_generator
from recval.training import Loop
from recval.valuation.valuator import mean_one
from recval.valuation.weightings.configured import Configured
from recval.valuation.weightings.interaction_means import InteractionMeans
from recval.valuation.weightings.outer_reward import OuterReward, check_outer_reward, outer_reward
from recval.valuation.weightings.told import Told


class InRunSettings(Declaration):
    """The settings of `InRun`.

    Attributes:
        order: how the reward is expanded in a step; see the module.
        reward: a differentiable reward; see `recval.adapter.rewards`.
        users: validation users a refresh.
        refresh: steps between two new gradients of the reward. With order 2 there is one at every look, since the
            curvature is along the batch's own step.
        interval: steps between two looks. Epochs are shuffled, so that with 2 each interaction is looked at in half
            of them, whichever these are.
        weigh: whether to train on the values too: weights sigmoid(z / temperature), scaled to mean 1, with z the
            standardised values at the epoch's beginning.
        temperature: how much a difference in z must be to change a weight.
    """

    order: Literal[1, 2] = 1
    reward: OuterReward = "bpr"
    users: int = Field(128, ge=1)
    refresh: int = Field(50, ge=1)
    interval: int = Field(2, ge=1)
    weigh: bool = False
    temperature: float = Field(1.0, gt=0, allow_inf_nan=False)


class InRun(Configured):
    """Values interactions by what their steps do to a reward; weighs nothing unless it is told to.

    Args:
        **settings: see `InRunSettings`.

    Attributes:
        values: after training, the mean value of each training interaction over the looks at it; one that no look met
            has the mean of all.
    """

    settings: InRunSettings
    values: Values | None = None

    def check(self, backbone: Backbone, split: Split) -> None:
        """Refuse a reward that cannot be computed, and a model that takes its steps itself."""
        check_outer_reward(self.settings.reward, backbone, split, self.settings.users)

    def before_fit(self, loop: Loop) -> None:
        """Prepare the reward.

        Raises:
            ModelError: the model takes its steps itself.
        """
        self._loop, self._step_sizes, self.values = loop, preconditioned(loop.optimizer), None
        self._steps, self._refreshed = 0, -self.settings.refresh
        self._reward = outer_reward(self.settings.reward, loop, self.settings.users)
        # It stays where it is in memory, and its numbers change: so nothing is prepared anew at a refresh.
        self._direction = [torch.zeros_like(part) for part in loop.backbone.parameters()]
        self._slopes = slopes_towards(loop.backbone, self._direction)
        self._gains = InteractionMeans(loop.split.train, loop.sampler.user.device)
        self._told = Told(self._gains, len(loop.split.train), self._direction[0])

    def before_epoch(self, epoch: int) -> None:
        """Derive the epoch's validation samples, and its weights."""
        self._generator = torch_generator(self._loop.seed, "in-run", epoch)
        if self.settings.weigh:
            self._weights = torch.sigmoid(self._gains.standardised() / self.settings.temperature)

    def weigh(self, batch: Batch, losses: Tensor) -> Tensor | None:
        """Take note of the samples' values if it is time; return the weights, mean 1, shape [B], or None."""
        if self._steps % self.settings.interval == 0:
            self._look(batch, losses)
        self._steps += 1
        return mean_one(self._weights[batch.row]).to(losses) if self.settings.weigh else None

    def after_epoch(self, epoch: int) -> None:
        """Add up the epoch's values."""
        self._told.flush()

    def after_fit(self) -> None:
        """Value the training interactions."""
        self.values = self._gains.values()

    def state_dict(self) -> dict[str, Any]:
        """Return where the run is, the direction that is kept, and the values so far."""
        return {
            "steps": self._steps,
            "refreshed": self._refreshed,
            "direction": list(self._direction),
            "gains": self._gains.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._steps, self._refreshed = state["steps"], state["refreshed"]
        self._set(state["direction"])
        self._gains.load_state_dict(state["gains"])

    def _look(self, batch: Batch, losses: Tensor) -> None:
        if self.settings.order == 2 or self._steps - self._refreshed >= self.settings.refresh:
            self._refresh(losses)
        self._told.add(batch.row, self._slopes(batch, losses), -len(batch))

    def _refresh(self, losses: Tensor) -> None:
        backbone = self._loop.backbone
        # A model with dropout draws from the global generator, which training is to find as it was.
        with isolated(self._loop.seed, "in-run", self._steps):
            reward = self._reward(backbone, self._generator)
        self._set(value_direction(losses, reward, list(backbone.parameters()), self._step_sizes, self.settings.order))
        self._refreshed = self._steps

    def _set(self, direction: Sequence[Tensor]) -> None:
        for kept, part in zip(self._direction, direction, strict=True):
            kept.copy_(part)


def value_direction(
    losses: Tensor, reward: Tensor, parameters: Sequence[Tensor], step_sizes: StepSizes, order: Literal[1, 2]
) -> list[Tensor]:
    """Return d such that the value of a sample in the coming step is -<grad l_m, d> / B; the losses' graph is kept.

    Args:
        losses: the loss of each sample of the step, shape [B], attached to the parameters.
        reward: the reward at the current parameters, a scalar attached to them; higher is better.
        parameters: the model's parameters.
        step_sizes: the step size of each parameter; see `recval.adapter.meta_gradient`.
        order: how far the reward is expanded.

    Raises:
        ModelError: order 2, and the reward cannot be differentiated twice.
    """
    slopes = gradient(losses.mean(), parameters, keep_graph=True)
    sizes = step_sizes(slopes)
    if order == 1:
        rising = gradient(reward, parameters)
    else:
        step = [-size * slope for size, slope in zip(sizes, slopes, strict=True)]
        first, bent = gradient_and_curvature(reward, parameters, step)
        rising = [part.add(curve, alpha=0.5) for part, curve in zip(first, bent, strict=True)]
    return [part * size for part, size in zip(rising, sizes, strict=True)]
