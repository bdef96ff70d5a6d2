"""Policy gradient for actions that select samples: the objective, and the reward's running scale and baseline.

The gradient of the expected reward is that of E[(r - b) log pi(a)] (REINFORCE, Williams 1992). The baseline `b` is the
mean of recent rewards; it changes no expectation and lowers the variance.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import torch
from torch import Tensor


def policy_gradient_loss(probabilities: Tensor, actions: Tensor, advantage: float, entropy: float = 0.0) -> Tensor:
    """Return the loss whose descent raises the expected reward.

    -advantage * mean_m log Bernoulli(a_m; p_m)  -  entropy * mean_m H(p_m)

    Args:
        probabilities: the probability that each sample is selected, in (0, 1), shape [B], attached to the policy.
        actions: what was drawn: 1 selected, 0 not; shape [B].
        advantage: how much better than expected the reward was.
        entropy: the weight of the entropy bonus, which keeps the policy from settling early.
    """
    log_likelihood = torch.where(actions > 0, probabilities.log(), (1 - probabilities).log())
    loss = -advantage * log_likelihood.mean()
    return loss - entropy * bernoulli_entropy(probabilities).mean() if entropy else loss


def bernoulli_entropy(probabilities: Tensor) -> Tensor:
    """Return the entropy of each Bernoulli distribution in nats, same shape."""
    return -(probabilities * probabilities.log() + (1 - probabilities) * (1 - probabilities).log())


class RewardScale:
    """Standardises rewards by the mean and the standard deviation of the recent ones.

    Args:
        window: how many rewards are recent.
    """

    def __init__(self, window: int = 20) -> None:
        self._recent: deque[float] = deque(maxlen=window)

    def standardise(self, reward: float) -> float:
        """Return (reward - baseline) / scale by the rewards before it, then remember it; 0 for the first."""
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
