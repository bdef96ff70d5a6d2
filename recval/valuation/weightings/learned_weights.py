"""A small network that gives samples their weights, and learns in the run from the gradients of an outer loss.

The network sees the model's own vectors of the sample, detached:

    w = softplus(W2 relu(W1 s + b)), scaled to mean 1 over the batch.

W2 starts at 0: until it has learnt something, all samples weigh the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from recval.adapter.derivatives import differentiating_twice
from recval.adapter.observation import Input, Observer, check_observable
from recval.backbones import Backbone, Batch
from recval.data import Split
from recval.declarations import Declaration
from recval.errors import ModelError
from recval.games.values import Values
from recval.rng import isolated
from recval.store.state import load_optimizer_state, optimizer_state
from recval.training import Loop, check_optimised
from recval.valuation.valuator import mean_one
from recval.valuation.weightings.configured import Configured
from recval.valuation.weightings.interaction_means import InteractionMeans


class LearnedWeightsSettings(Declaration):
    """The settings of every callback whose weights a network learns.

    Attributes:
        hidden: width of the network's hidden layer.
        learning_rate: Adam's step size for the network.
        weight_decay: Adam's L2 penalty on the network.
        interval: steps between two updates of the network.
    """

    hidden: int = Field(64, ge=1)
    learning_rate: float = Field(1e-3, gt=0, allow_inf_nan=False)
    weight_decay: float = Field(0.0, ge=0, allow_inf_nan=False)
    interval: int = Field(5, ge=1)


class WeightNetwork(nn.Module):
    """From what is observed of the samples to their weights.

    Args:
        observation: length of an observation.
        hidden: width of the hidden layer.
    """

    def __init__(self, observation: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(observation, hidden), nn.ReLU(), nn.Linear(hidden, 1, bias=False))
        nn.init.zeros_(self.layers[-1].weight)  # type: ignore[arg-type]

    def forward(self, observations: Tensor) -> Tensor:
        """Return the weights, mean 1, shape [B]."""
        return mean_one(nn.functional.softplus(self.layers(observations).squeeze(1)))


class LearnedWeights(Configured, ABC):
    """Base of callbacks whose weights a network learns.

    Attributes:
        inputs: what the network sees of a sample.
        values: after training, the mean weight that each training interaction had.
    """

    inputs: ClassVar[Sequence[Input]]
    settings: LearnedWeightsSettings
    values: Values | None = None

    @abstractmethod
    def outer_loss(self, weights: Tensor, losses: Tensor) -> Tensor:
        """Return what the network's next step lowers, a scalar; the losses' graph is kept.

        Args:
            weights: the weights of the batch, mean 1, attached to the network, shape [B].
            losses: its losses, attached to the model, shape [B].
        """

    def check(self, backbone: Backbone, split: Split) -> None:
        """Refuse a model that takes its steps itself, or has no vectors of users or items."""
        check_optimised(backbone)
        check_observable(self.inputs, backbone, split)

    def before_fit(self, loop: Loop) -> None:
        """Prepare the network for the loop's model.

        Raises:
            ModelError: the model takes its steps itself, or has no vectors of users or items.
        """
        self._loop, self._model_optimizer, self.values, self._steps = loop, loop.optimizer, None, 0
        device = loop.settings.device
        self._observe = Observer(loop.backbone, loop.split.train, self.inputs, device, valid=loop.split.valid)
        with isolated(loop.seed, "weight network"):
            self.network = WeightNetwork(sum(self._observe.widths.values()), self.settings.hidden).to(device)
        self._optimizer = torch.optim.Adam(
            self.network.parameters(), lr=self.settings.learning_rate, weight_decay=self.settings.weight_decay
        )
        self._weights = InteractionMeans(loop.split.train, loop.sampler.user.device)

    def weigh(self, batch: Batch, losses: Tensor) -> Tensor:
        """Let the network learn if it is time, and return its weights, mean 1, shape [B]."""
        observations = self._observe(batch, losses)
        if self._steps % self.settings.interval == 0:
            self._learn(self.outer_loss(self.network(observations), losses))
        self._steps += 1
        with torch.no_grad():
            weights = self.network(observations)
        self._weights.add(batch.row, weights)
        return weights

    def after_fit(self) -> None:
        """Value the training interactions."""
        self.values = self._weights.values()

    def state_dict(self) -> dict[str, Any]:
        """Return all that weighing and learning depend on."""
        return {
            "steps": self._steps,
            "network": dict(self.network.state_dict()),
            "optimizer": optimizer_state(self._optimizer),
            "weights": self._weights.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._steps = state["steps"]
        self.network.load_state_dict(state["network"])
        load_optimizer_state(self._optimizer, state["optimizer"])
        self._weights.load_state_dict(state["weights"])

    def _learn(self, loss: Tensor) -> None:
        if not torch.isfinite(loss):
            raise ModelError(
                f"the weights of {type(self).__name__} diverged: their loss became {loss.item()}; lower learning_rate"
            )
        parameters = list(self.network.parameters())
        with differentiating_twice():
            slopes = torch.autograd.grad(loss, parameters, retain_graph=True)
        for parameter, slope in zip(parameters, slopes, strict=True):
            parameter.grad = slope
        self._optimizer.step()
