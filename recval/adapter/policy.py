"""Policy gradient for actions that select samples: the objective, and what a reward is compared with.

The gradient of the expected reward is that of E[(r - b) log pi(a)] (REINFORCE, Williams 1992). A baseline `b` that does
not depend on the action changes no expectation and lowers the variance. There are two:

- `RewardScale`: the mean of recent rewards. It needs one reward a look, and carries all that changes from look to look
  into the advantage: the batch, the stage of training.
- `LeaveOneOut`: several actions are tried from the same state, and each reward is compared with the mean of the others
  (Kool, van Hoof and Welling, "Buy 4 REINFORCE Samples, Get a Baseline for Free!", ICLR workshop 2019).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def policy_gradient_loss(
    probabilities: Tensor, actions: Tensor, advantage: float | Tensor, entropy: float = 0.0
) -> Tensor:
    """Return the loss whose descent raises the expected reward.

    -mean_g advantage_g * mean_m log Bernoulli(a_gm; p_m)  -  entropy * mean_m H(p_m)

    Args:
        probabilities: the probability that each sample is selected, in (0, 1), shape [B], attached to the policy.
        actions: what was drawn: 1 selected, 0 not; one action, shape [B], or several, shape [G, B].
        advantage: how much better than expected the reward was, of each action: a number, or shape [G].
        entropy: the weight of the entropy bonus, which keeps the policy from settling early.
    """
    log_likelihood = torch.where(actions > 0, probabilities.log(), (1 - probabilities).log())
    loss = -(advantage * log_likelihood.mean(dim=-1)).mean()
    return loss - entropy * bernoulli_entropy(probabilities).mean() if entropy else loss


def bernoulli_entropy(probabilities: Tensor) -> Tensor:
    """Return the entropy of each Bernoulli distribution in nats, same shape."""
    return -(probabilities * probabilities.log() + (1 - probabilities) * (1 - probabilities).log())


def against_the_others(numbers: Tensor) -> Tensor:
    """Return the difference of each number from the mean of the others, shape [G] as they are, at least 2."""
    return (numbers - numbers.mean()) * (len(numbers) / (len(numbers) - 1))


class RewardScale:
    """Standardises a reward by recent ones: their mean, and their standard deviation with its own.

    Args:
        window: how many rewards are recent.
    """

    def __init__(self, window: int = 20) -> None:
        self._recent: deque[float] = deque(maxlen=window)

    def standardise(self, reward: float) -> float:
        """Return (reward - baseline) / scale, then remember the reward; 0 for the first.

        The baseline is the mean of the rewards before it; the scale is the standard deviation of these and itself.
        """
        past = torch.tensor(list(self._recent) or [reward], dtype=torch.float64)
        self._recent.append(reward)
        spread = torch.cat([past, past.new_tensor([reward])]).std(correction=0).item()
        return (reward - past.mean().item()) / spread if spread > 0 else 0.0

    def state_dict(self) -> dict[str, Any]:
        """Return the recent rewards."""
        return {"recent": list(self._recent)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the recent rewards."""
        self._recent.extend(state["recent"])


class LeaveOneOut:
    """Standardises the rewards of several actions from the same state, each by the mean of the others.

    They are divided by the spread of rewards in earlier looks: a spread of their own would depend on the actions, and
    the gradient would no longer be that of the expected reward.

    Args:
        window: how many looks make the spread.
    """

    def __init__(self, window: int = 20) -> None:
        self._spreads: deque[float] = deque(maxlen=window)

    def standardise(self, rewards: Sequence[float]) -> list[float]:
        """Return (r_g - mean of the others) / spread of each; 0 where all are equal.

        Args:
            rewards: at least 2. The first ones that differ are divided by their own spread.
        """
        found = torch.tensor(rewards, dtype=torch.float64)
        spread = found.std().item()
        past = torch.tensor(list(self._spreads) or [spread], dtype=torch.float64)
        if spread == 0:
            return [0.0] * len(rewards)
        self._spreads.append(spread)
        return (against_the_others(found) / past.square().mean().sqrt()).tolist()

    def state_dict(self) -> dict[str, Any]:
        """Return the spreads of recent looks."""
        return {"spreads": list(self._spreads)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the spreads of recent looks."""
        self._spreads.extend(state["spreads"])
