"""First-order values in the run: how much each interaction's steps have moved the reward on validation data.

For a step on the losses l_m with step sizes eta, the sample m moves a differentiable reward M by, to first order,

    g_m = dM / dw_m = -(eta / B) <grad M, grad l_m>,

and an interaction's value is the mean of g_m over the looked-at steps that it took part in, so that the sum over those
steps is the value times their number.

Sources: Wang et al., "Data Shapley in One Training Run" (arXiv 2406.11011), the first-order in-run Data Shapley value,
which is the exact Shapley value of the step in the first-order approximation; Pruthi et al., "Estimating Training Data
Influence by Tracing Gradient Descent" (TracIn), NeurIPS 2020, equation 1. Different here: the step sizes are Adam's
(`recval.adapter.meta_gradient`), the validation data is sampled anew at each look, and steps in between are left out.

Cost: a look takes the reward's forward and backward pass and two more backward passes of the batch, about 4 times a
plain step, every `interval` steps; memory for a second graph of the batch.
"""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from recval.adapter.meta_gradient import preconditioned, reward_gains
from recval.backbones import Backbone, Batch
from recval.data import Split
from recval.declarations import Declaration
from recval.games.values import Values
from recval.rng import torch_generator
from recval.training import Loop
from recval.valuation.valuator import mean_one
from recval.valuation.weightings.configured import Configured
from recval.valuation.weightings.interaction_means import InteractionMeans
from recval.valuation.weightings.outer_reward import OuterReward, check_outer_reward, outer_reward


class FirstOrderSettings(Declaration):
    """The settings of `FirstOrder`.

    Attributes:
        reward: a differentiable reward; see `recval.adapter.rewards`.
        users: validation users a look.
        interval: steps between two looks.
        weigh: whether to train on the values too: weights sigmoid(z / temperature), scaled to mean 1, with z the
            standardised values at the epoch's beginning.
        temperature: how much a difference in z must be to change a weight.
    """

    reward: OuterReward = "bpr"
    users: int = Field(128, ge=1)
    interval: int = Field(5, ge=1)
    weigh: bool = False
    temperature: float = Field(1.0, gt=0, allow_inf_nan=False)


class FirstOrder(Configured):
    """Values interactions by their first-order gains on validation data; weighs nothing unless it is told to.

    Args:
        **settings: see `FirstOrderSettings`.

    Attributes:
        values: after training, the mean gain of each training interaction; one that no look met has the mean of all.
    """

    settings: FirstOrderSettings
    values: Values | None = None

    def check(self, backbone: Backbone, split: Split) -> None:
        """Refuse a reward that cannot be computed, and a model that takes its steps itself."""
        check_outer_reward(self.settings.reward, backbone, split, self.settings.users)

    def before_fit(self, loop: Loop) -> None:
        """Prepare the reward.

        Raises:
            ModelError: the model takes its steps itself.
        """
        self._loop, self._optimizer, self.values, self._steps = loop, loop.optimizer, None, 0
        self._reward = outer_reward(self.settings.reward, loop, self.settings.users)
        self._gains = InteractionMeans(loop.split.train, loop.sampler.user.device)

    def before_epoch(self, epoch: int) -> None:
        """Derive the epoch's validation samples, and its weights."""
        self._generator = torch_generator(self._loop.seed, "first-order", epoch)
        if self.settings.weigh:
            self._weights = torch.sigmoid(self._gains.standardised() / self.settings.temperature)

    def weigh(self, batch: Batch, losses: Tensor) -> Tensor | None:
        """Take note of the samples' gains if it is time; return the weights, mean 1, shape [B], or None."""
        if self._steps % self.settings.interval == 0:
            backbone = self._loop.backbone
            reward = self._reward(backbone, self._generator)
            gains = reward_gains(losses, reward, list(backbone.parameters()), preconditioned(self._optimizer))
            self._gains.add(batch.row, gains)
        self._steps += 1
        return mean_one(self._weights[batch.row]).to(losses) if self.settings.weigh else None

    def after_fit(self) -> None:
        """Value the training interactions."""
        self.values = self._gains.values()

    def state_dict(self) -> dict[str, Any]:
        """Return the number of steps and the gains."""
        return {"steps": self._steps, "gains": self._gains.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._steps = state["steps"]
        self._gains.load_state_dict(state["gains"])
