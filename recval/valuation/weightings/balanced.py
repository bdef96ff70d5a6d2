"""What a count alone tells, without a reward: active users do not outvote the others."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from recval.backbones import Batch
from recval.declarations import Declaration
from recval.training import Loop
from recval.valuation.valuator import mean_one
from recval.valuation.weightings.configured import Configured


class BalancedSettings(Declaration):
    """The settings of `Balanced`.

    Attributes:
        alpha: 0 weighs all samples alike, 1 all users.
    """

    alpha: float = Field(0.5, ge=0, le=2)


class Balanced(Configured):
    """A sample weighs 1 / (its user's number of training interactions)^alpha.

    Args:
        **settings: see `BalancedSettings`.
    """

    settings: BalancedSettings

    def before_fit(self, loop: Loop) -> None:
        """Count the users' training interactions."""
        counts = torch.from_numpy(loop.split.train.user_counts()).to(loop.settings.device)
        self._weights = counts.clamp(min=1).float() ** -self.settings.alpha

    def weigh(self, batch: Batch, losses: Tensor) -> Tensor:
        """Return the weights, mean 1, shape [B]."""
        return mean_one(self._weights[batch.user])
