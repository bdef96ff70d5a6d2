"""How the valuator learns: from the rewards of selections, or from each sample's own gain.

Both signals are noisy, and few: one look every so many steps. The valuator that values and weighs is therefore a
running mean of the one that learns (Polyak and Juditsky, SIAM J. Control Optim. 1992).
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from recval.adapter.policy import LeaveOneOut, RewardScale, against_the_others, policy_gradient_loss
from recval.errors import ModelError
from recval.rng import isolated, torch_generator
from recval.store.state import load_optimizer_state, optimizer_state
from recval.valuation.dvr_settings import DVRSettings
from recval.valuation.valuator import Valuator, mean_one, selection_probabilities

MEMORY = 8
"""Batches whose selection one reward may credit: the latest ones since the reward before it."""


class ValuatorLearner:
    """A valuator, its optimiser, and the ways in which it learns.

    Args:
        observation: length of an observation.
        settings: the settings of DVR.
        seed: all randomness derives from it.
        device: where the valuator computes.
        slots: the largest batch.

    Attributes:
        valuator: the valuator to use, the running mean of the one that learns.
    """

    def __init__(
        self, observation: int, settings: DVRSettings, seed: int, device: torch.device | str, slots: int
    ) -> None:
        self.settings = settings
        with isolated(seed, "valuator"):
            valuator = Valuator.of(settings, observation, slots)
        self.observation, self.slots = observation, slots
        self._learning = valuator.to(device)
        self.valuator = copy.deepcopy(self._learning).requires_grad_(False)
        self.generator = torch_generator(seed, "selection")
        self._optimizer = torch.optim.Adam(self._learning.parameters(), lr=settings.learning_rate, fused=True)
        self._recent, self._compared = RewardScale(settings.baseline), LeaveOneOut(settings.baseline)
        self._selections: deque[tuple[Tensor, Tensor]] = deque(maxlen=MEMORY)

    @torch.no_grad()
    def weights(self, observations: Tensor) -> Tensor:
        """Return each sample's weight, mean 1, shape [B]; under the action "selection" a draw, else its expectation."""
        return self._weights(self.valuator(observations))

    @torch.no_grad()
    def weights_by(self, project: Callable[[Tensor], Tensor]) -> Tensor:
        """Return `weights` from what `Valuator.encode_by` takes."""
        return self._weights(self.valuator.game.values(self.valuator.encode_by(project)))

    @torch.no_grad()
    def selections(self, observations: Tensor, count: int) -> Tensor:
        """Draw selections: 1 for the samples that are selected and 0 for the others, shape [count, B].

        They are drawn by the valuator that learns: the policy gradient holds for the policy that drew.
        """
        probabilities = self._probabilities(self._learning(observations))
        return self._draw(probabilities.expand(count, -1))

    def select(self, observations: Tensor) -> Tensor:
        """Draw a selection, remember it for the next `credit`, and return its weights, mean 1, shape [B]."""
        selected = self.selections(observations, 1)
        self._selections.append((observations, selected))
        return mean_one(selected[0])

    def credit(self, reward: float) -> None:
        """Learn from the reward of the selections since the last call, compared with earlier rewards."""
        advantage = self._recent.standardise(reward)
        for observations, selected in self._selections:
            self._reinforce(observations, selected, [advantage])
        self.forget()

    def compare(self, observations: Tensor, selections: Tensor, rewards: Sequence[float]) -> None:
        """Learn from the rewards of several selections of one batch, each compared with the others.

        Args:
            observations: what was observed of the samples, shape [B, F].
            selections: what `selections` drew, shape [G, B]; at least two.
            rewards: the reward of each selection.
        """
        self._reinforce(observations, selections, self._compared.standardise(rewards))

    def forget(self) -> None:
        """Forget the selections that no reward has credited."""
        self._selections.clear()

    def learn(self, observations: Tensor, gains: Tensor) -> None:
        """Fit the values to what each sample's weight would do to the reward, shape [B], in standard deviations."""
        spread = gains.std(correction=0)
        if spread != 0:
            self._step(((self._learning(observations) - gains / spread) ** 2).mean())

    def tell_apart(self, alike: Tensor, others: Tensor) -> None:
        """Raise the values of some samples and lower those of others, by the logistic loss.

        Args:
            alike: what was observed of the samples to value highly, shape [B, F].
            others: what was observed of the others, shape [B', F].
        """
        high, low = self._learning(alike), self._learning(others)
        self._step(nn.functional.softplus(-high).mean() + nn.functional.softplus(low).mean())

    def state_dict(self) -> dict[str, Any]:
        """Return all that learning depends on."""
        return {
            "observation": self.observation,
            "slots": self.slots,
            "valuator": dict(self.valuator.state_dict()),
            "learning": dict(self._learning.state_dict()),
            "optimizer": optimizer_state(self._optimizer),
            "generator": self.generator.get_state(),
            "recent": self._recent.state_dict(),
            "compared": self._compared.state_dict(),
            "selections": [list(selection) for selection in self._selections],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.valuator.load_state_dict(state["valuator"])
        self._learning.load_state_dict(state["learning"])
        load_optimizer_state(self._optimizer, state["optimizer"])
        self.generator.set_state(state["generator"])
        self._recent.load_state_dict(state["recent"])
        self._compared.load_state_dict(state["compared"])
        device = next(self.valuator.parameters()).device
        self._selections.extend((seen.to(device), selected.to(device)) for seen, selected in state["selections"])

    def _reinforce(self, observations: Tensor, selections: Tensor, advantages: Sequence[float]) -> None:
        """Take one step of the policy gradient over all selections, shape [G, B], and of the fit of their worth.

        Several selections are compared with each other, so their worths are too.
        """
        advantage = observations.new_tensor(advantages)
        encoded = self._learning.encode(observations)
        probabilities = self._probabilities(self._learning.game.values(encoded))
        loss = policy_gradient_loss(probabilities, selections, advantage, self.settings.entropy)
        worth = torch.stack([self._learning.game.worth(encoded * selected[:, None]) for selected in selections])
        worth = against_the_others(worth) if len(worth) > 1 else worth
        self._step(loss + self.settings.fit * (worth - advantage).square().mean())

    def _weights(self, values: Tensor) -> Tensor:
        probabilities = self._probabilities(values)
        if self.settings.action == "selection":
            return mean_one(self._draw(probabilities))
        return probabilities.div_(probabilities.mean())

    def _probabilities(self, values: Tensor) -> Tensor:
        return selection_probabilities(values, self.settings.temperature)

    def _draw(self, probabilities: Tensor) -> Tensor:
        """Return 1 with the given probability and else 0, same shape."""
        uniform = torch.rand(probabilities.shape, generator=self.generator).to(probabilities)
        return (uniform < probabilities).to(probabilities)

    def _step(self, loss: Tensor) -> None:
        if not torch.isfinite(loss):
            raise ModelError(f"the valuator diverged: its loss became {loss.item()}; lower its learning_rate")
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._learning.parameters(), self.settings.clip)
        self._optimizer.step()
        with torch.no_grad():
            for mean, latest in zip(self.valuator.parameters(), self._learning.parameters(), strict=True):
                mean.lerp_(latest, 1 - self.settings.averaging)
