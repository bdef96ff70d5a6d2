"""How the valuator learns: from the reward of a selection, or from each sample's own gain."""

from __future__ import annotations

from collections import deque
from typing import Any

import torch
from torch import Tensor

from recval.adapter.policy import RewardScale, bernoulli_entropy, policy_gradient_loss
from recval.rng import isolated, torch_generator
from recval.store.state import load_optimizer_state, optimizer_state
from recval.valuation.dvr_settings import DVRSettings
from recval.valuation.valuator import Valuator, mean_one, selection_probabilities

MEMORY = 8
"""Batches whose selection one reward may credit: the latest ones since the reward before it."""


class ValuatorLearner:
    """A valuator, its optimiser, and the two ways in which it learns.

    Args:
        observation: length of an observation.
        settings: the settings of DVR.
        seed: all randomness derives from it.
        device: where the valuator computes.
    """

    def __init__(self, observation: int, settings: DVRSettings, seed: int, device: torch.device | str) -> None:
        self.settings = settings
        with isolated(seed, "valuator"):
            valuator = Valuator(observation, settings.hidden, settings.features, settings.channels, settings.order)
        self.valuator = valuator.to(device)
        self.generator = torch_generator(seed, "selection")
        self._optimizer = torch.optim.Adam(self.valuator.parameters(), lr=settings.learning_rate)
        self._rewards = RewardScale(settings.baseline)
        self._selections: deque[tuple[Tensor, Tensor]] = deque(maxlen=MEMORY)

    @torch.no_grad()
    def weights(self, observations: Tensor) -> Tensor:
        """Return each sample's weight, mean 1, shape [B]; under the action "selection" a draw, else its expectation."""
        probabilities = self._probabilities(self.valuator(observations))
        if self.settings.action == "selection":
            return mean_one(self._draw(probabilities))
        return mean_one(probabilities)

    @torch.no_grad()
    def select(self, observations: Tensor) -> Tensor:
        """Draw a selection, remember it for the next `credit`, and return its weights, mean 1, shape [B]."""
        selected = self._draw(self._probabilities(self.valuator(observations)))
        self._selections.append((observations, selected))
        return mean_one(selected)

    def credit(self, reward: float) -> None:
        """Learn from the reward of the selections since the last call: policy gradient, and the fit of their worth."""
        advantage = self._rewards.standardise(reward)
        for observations, selected in self._selections:
            encoded = self.valuator.encode(observations)
            probabilities = self._probabilities(self.valuator.game.values(encoded))
            loss = policy_gradient_loss(probabilities, selected, advantage, self.settings.entropy)
            worth = self.valuator.game.worth(encoded * selected.unsqueeze(1))
            self._step(loss + self.settings.fit * (worth - advantage) ** 2)
        self._selections.clear()

    def learn(self, observations: Tensor, gains: Tensor) -> None:
        """Learn from what each sample's weight would do to the reward, shape [B]; only its pattern matters."""
        spread = gains.std()
        if not spread > 0:
            return
        signal = (gains - gains.mean()) / spread
        values = self.valuator(observations)
        probabilities = self._probabilities(values)
        loss = -(signal * mean_one(probabilities)).mean() + self.settings.fit * ((values - signal) ** 2).mean()
        self._step(loss - self.settings.entropy * bernoulli_entropy(probabilities).mean())

    def state_dict(self) -> dict[str, Any]:
        """Return all that learning depends on."""
        return {
            "valuator": dict(self.valuator.state_dict()),
            "optimizer": optimizer_state(self._optimizer),
            "generator": self.generator.get_state(),
            "rewards": self._rewards.state_dict(),
            "selections": [list(selection) for selection in self._selections],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.valuator.load_state_dict(state["valuator"])
        load_optimizer_state(self._optimizer, state["optimizer"])
        self.generator.set_state(state["generator"])
        self._rewards.load_state_dict(state["rewards"])
        self._selections.extend((observations, selected) for observations, selected in state["selections"])

    def _probabilities(self, values: Tensor) -> Tensor:
        return selection_probabilities(values, self.settings.temperature)

    def _draw(self, probabilities: Tensor) -> Tensor:
        """Return 1 for the samples that are selected and 0 for the others, shape [B]."""
        uniform = torch.rand(probabilities.shape, generator=self.generator).to(probabilities)
        return (uniform < probabilities).to(probabilities)

    def _step(self, loss: Tensor) -> None:
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
