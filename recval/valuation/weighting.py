"""Weightings to compare a valuator with: placebos, and what a count or the loss alone tells.

- `Uniform`: all weigh 1, by the way that a valuator's weights go. It must give what plain training gives.
- `Shuffled`: a valuator's own weights, given to the wrong samples of the batch. What it gains over plain training is
  owed to uneven weights as such, not to knowing which sample is worth more.
- `Balanced`: what a count alone tells, without a reward.
- `TruncatedLoss` (T-CE) and `ReweightedLoss` (R-CE): Wang et al., "Denoising Implicit Feedback for Recommendation",
  WSDM 2021 (arXiv 2006.04153), equations 4 to 7: samples with a high loss are taken for noise.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from recval.backbones import Batch
from recval.rng import torch_generator
from recval.training import Callback, Loop
from recval.valuation.valuator import mean_one


class Uniform(Callback):
    """All samples weigh 1."""

    def weigh(self, batch: Batch, losses: Tensor) -> Tensor:
        """Return ones, shape [B]."""
        return torch.ones_like(losses)


class Shuffled(Callback):
    """Another callback's weights, permuted at random within each batch.

    Args:
        valuator: the callback whose weights are permuted; it learns as ever, but is not asked for values.
    """

    def __init__(self, valuator: Callback) -> None:
        self.valuator = valuator

    def before_fit(self, loop: Loop) -> None:
        """Prepare the valuator."""
        self._seed = loop.seed
        self.valuator.before_fit(loop)

    def before_epoch(self, epoch: int) -> None:
        """Derive the epoch's permutations."""
        self._generator = torch_generator(self._seed, "shuffle", epoch)
        self.valuator.before_epoch(epoch)

    def weigh(self, batch: Batch, losses: Tensor) -> Tensor | None:
        """Return the valuator's weights in random order, shape [B]."""
        weights = self.valuator.weigh(batch, losses)
        if weights is None:
            return None
        return weights[torch.randperm(len(weights), generator=self._generator).to(weights.device)]

    def after_step(self) -> None:
        """Pass the hook on."""
        self.valuator.after_step()

    def after_epoch(self, epoch: int) -> None:
        """Pass the hook on."""
        self.valuator.after_epoch(epoch)

    def after_validation(self, epoch: int, metrics: dict[str, float]) -> None:
        """Pass the hook on."""
        self.valuator.after_validation(epoch, metrics)

    def state_dict(self) -> dict[str, Any]:
        """Return the valuator's state."""
        return self.valuator.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the valuator's state."""
        self.valuator.load_state_dict(state)


class Balanced(Callback):
    """A sample weighs 1 / (its user's number of training interactions)^alpha: active users do not outvote the others.

    Args:
        alpha: 0 weighs all samples alike, 1 all users.
    """

    def __init__(self, alpha: float = 0.5) -> None:
        self.alpha = alpha

    def before_fit(self, loop: Loop) -> None:
        """Count the users' training interactions."""
        counts = torch.from_numpy(loop.split.train.user_counts()).to(loop.settings.device)
        self._weights = counts.clamp(min=1).float() ** -self.alpha

    def weigh(self, batch: Batch, losses: Tensor) -> Tensor:
        """Return the weights, mean 1, shape [B]."""
        return mean_one(self._weights[batch.user])


class TruncatedLoss(Callback):
    """T-CE: the samples with the highest losses of a batch are left out, more of them as training goes on.

    The share that is left out after t steps is min(rate * t / steps, rate).

    Args:
        rate: the largest share that is left out, in [0, 1).
        steps: steps until it is reached.
    """

    def __init__(self, rate: float = 0.1, steps: int = 1000) -> None:
        self.rate, self.steps = rate, steps
        self._done = 0

    def before_fit(self, loop: Loop) -> None:
        """Begin anew."""
        self._done = 0

    def weigh(self, batch: Batch, losses: Tensor) -> Tensor:
        """Return 0 for the highest losses and equal weights, mean 1, for the others, shape [B]."""
        dropped = int(min(self.rate * self._done / self.steps, self.rate) * len(losses))
        self._done += 1
        weights = torch.ones_like(losses)
        weights[losses.detach().topk(dropped).indices] = 0
        return mean_one(weights)

    def state_dict(self) -> dict[str, Any]:
        """Return the number of steps done."""
        return {"done": self._done}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the number of steps done."""
        self._done = state["done"]


class ReweightedLoss(Callback):
    """R-CE: a sample weighs exp(-loss)^beta, the power of the probability that the model gives to what was observed.

    Args:
        beta: how strongly a high loss lowers the weight; 0 weighs all alike.
    """

    def __init__(self, beta: float = 0.1) -> None:
        self.beta = beta

    def weigh(self, batch: Batch, losses: Tensor) -> Tensor:
        """Return the weights, mean 1, shape [B]."""
        return mean_one(torch.exp(-self.beta * losses.detach()))
