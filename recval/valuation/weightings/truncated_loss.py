"""T-CE: the samples with the highest losses are taken for noise and left out.

Source: Wang et al., "Denoising Implicit Feedback for Recommendation", WSDM 2021 (arXiv 2006.04153), equations 4 and 5.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from recval.backbones import Batch
from recval.valuation.valuator import mean_one
from recval.valuation.weightings.loss_values import LossValueSettings
from recval.valuation.weightings.paced_loss import PacedLoss


class TruncatedLossSettings(LossValueSettings):
    """The settings of `TruncatedLoss`.

    Attributes:
        rate: the largest share that is left out.
        steps: steps until it is reached.
    """

    rate: float = Field(0.1, ge=0, lt=1)
    steps: int = Field(1000, ge=1)


class TruncatedLoss(PacedLoss):
    """The highest losses of a batch are left out, after t steps a share min(rate * t / steps, rate) of them.

    Its values are minus the losses in the end; see `LossValued`.

    Args:
        **settings: see `TruncatedLossSettings`.
    """

    settings: TruncatedLossSettings

    def weigh(self, batch: Batch, losses: Tensor) -> Tensor:
        """Return 0 for the highest losses and equal weights, mean 1, for the others, shape [B]."""
        rate = self.settings.rate
        dropped = int(min(rate * self._done / self.settings.steps, rate) * len(losses))
        self._done += 1
        weights = torch.ones_like(losses)
        weights[losses.detach().topk(dropped).indices] = 0
        return mean_one(weights)
