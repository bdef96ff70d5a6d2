"""How the valuator learns: from the reward of a selection, or from each sample's own gain.

Both signals are noisy, and few: one look every so many steps. The valuator that values and weighs is therefore a
running mean of the one that learns (Polyak and Juditsky, SIAM J. Control Optim. 1992).
"""

from __future__ import annotations

import copy
from collections import deque
from typing import Any

import torch
from torch import Tensor

from recval.adapter.policy import RewardScale, policy_gradient_loss
from recval.errors import ModelError
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

    Attributes:
        valuator: the valuator to use, the running mean of the one that learns.
    """

    def __init__(self, observation: int, settings: DVRSettings, seed: int, device: torch.device | str) -> None:
        self.settings = settings
        with isolated(seed, "valuator"):
            valuator = Valuator(observation, settings.hidden, settings.features, settings.channels, settings.order)
        self.observation = observation
        self._learning = valuator.to(device)
        self.valuator = copy.deepcopy(self._learning).requires_grad_(False)
        self.generator = torch_generator(seed, "selection")
        self._optimizer = torch.optim.Adam(self._learning.parameters(), lr=settings.learning_rate, fused=True)
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
        """Draw a selection, remember it for the next `credit`, and return its weights, mean 1, shape [B].

        It is drawn by the valuator that learns: the policy gradient holds for the policy that drew.
        """
        selected = self._draw(self._probabilities(self._learning(observations)))
        self._selections.append((observations, selected))
        return mean_one(selected)

    def credit(self, reward: float) -> None:
        """Learn from the reward of the selections since the last call: policy gradient, and the fit of their worth."""
        advantage = self._rewards.standardise(reward)
        for observations, selected in self._selections:
            encoded = self._learning.encode(observations)
            probabilities = self._probabilities(self._learning.game.values(encoded))
            loss = policy_gradient_loss(probabilities, selected, advantage, self.settings.entropy)
            worth = self._learning.game.worth(encoded * selected.unsqueeze(1))
            self._step(loss + self.settings.fit * (worth - advantage) ** 2)
        self.forget()

    def forget(self) -> None:
        """Forget the selections that no reward has credited."""
        self._selections.clear()

    def learn(self, observations: Tensor, gains: Tensor) -> None:
        """Fit the values to what each sample's weight would do to the reward, shape [B], in standard deviations."""
        spread = gains.std(correction=0)
        if spread != 0:
            self._step(((self._learning(observations) - gains / spread) ** 2).mean())

    def state_dict(self) -> dict[str, Any]:
        """Return all that learning depends on."""
        return {
            "observation": self.observation,
            "valuator": dict(self.valuator.state_dict()),
            "learning": dict(self._learning.state_dict()),
            "optimizer": optimizer_state(self._optimizer),
            "generator": self.generator.get_state(),
            "rewards": self._rewards.state_dict(),
            "selections": [list(selection) for selection in self._selections],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.valuator.load_state_dict(state["valuator"])
        self._learning.load_state_dict(state["learning"])
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
        if not torch.isfinite(loss):
            raise ModelError(f"the valuator diverged: its loss became {loss.item()}; lower its learning_rate")
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
        with torch.no_grad():
            for mean, latest in zip(self.valuator.parameters(), self._learning.parameters(), strict=True):
                mean.lerp_(latest, 1 - self.settings.averaging)
