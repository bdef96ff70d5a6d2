"""Self-paced learning: easy samples first, harder ones as training goes on.

Training and weights minimise one objective, sum_m w_m l_m + r(w_m; lambda) with w_m in [0, 1], in turn. For the model
as it is, the best weights are

    hard    r = -lambda w                 w_m = 1 if l_m <= lambda else 0
    linear  r = lambda (w^2 / 2 - w)      w_m = max(0, 1 - l_m / lambda)

The age parameter lambda is a quantile of the batch's losses that grows with the steps up to the largest loss.

Sources: Kumar, Packer and Koller, "Self-Paced Learning for Latent Variable Models", NIPS 2010, equation 4 (hard); Jiang
et al., "Easy Samples First: Self-paced Reranking for Zero-Example Multimedia Search", MM 2014 (linear).
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from recval.backbones import Batch
from recval.valuation.valuator import mean_one
from recval.valuation.weightings.loss_values import LossValueSettings
from recval.valuation.weightings.paced_loss import PacedLoss

Form = Literal["hard", "linear"]


class SelfPacedSettings(LossValueSettings):
    """The settings of `SelfPaced`.

    Attributes:
        form: "hard" leaves harder samples out, "linear" lets them weigh less.
        start: the quantile of the losses that training begins with.
        steps: steps until the quantile is 1, when "hard" trains on all.
    """

    form: Form = "hard"
    start: float = Field(0.5, gt=0, le=1)
    steps: int = Field(1000, ge=1)


class SelfPaced(PacedLoss):
    """Easy samples first; its values are minus the losses in the end, see `LossValued`.

    Args:
        **settings: see `SelfPacedSettings`.
    """

    settings: SelfPacedSettings

    def weigh(self, batch: Batch, losses: Tensor) -> Tensor:
        """Return the best weights for the losses, scaled to mean 1, shape [B]."""
        start = self.settings.start
        quantile = start + (1 - start) * min(self._done / self.settings.steps, 1)
        self._done += 1
        losses = losses.detach()
        return mean_one(best_weights(losses, losses.quantile(quantile), self.settings.form))


def best_weights(losses: Tensor, age: Tensor, form: Form) -> Tensor:
    """Return the weights in [0, 1] that minimise the objective for given losses, shape [B].

    Args:
        losses: the losses, shape [B].
        age: the age parameter lambda, a scalar; where it is not positive, "linear" weighs all alike.
        form: the regulariser.
    """
    if form == "hard":
        return (losses <= age).to(losses)
    return torch.where(age > 0, (1 - losses / age).clamp(0, 1), 1.0)
