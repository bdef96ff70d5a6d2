"""R-CE: samples with a high loss are taken for noise and weigh less.

Source: Wang et al., "Denoising Implicit Feedback for Recommendation", WSDM 2021 (arXiv 2006.04153), equations 6 and 7.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from recval.backbones import Batch
from recval.valuation.valuator import mean_one
from recval.valuation.weightings.loss_values import LossValued, LossValueSettings


class ReweightedLossSettings(LossValueSettings):
    """The settings of `ReweightedLoss`.

    Attributes:
        beta: how strongly a high loss lowers the weight; 0 weighs all alike.
    """

    beta: float = Field(0.1, ge=0, allow_inf_nan=False)


class ReweightedLoss(LossValued):
    """A sample weighs exp(-loss)^beta, the power of the probability that the model gives to what was observed.

    Its values are minus the losses in the end; see `LossValued`.

    Args:
        **settings: see `ReweightedLossSettings`.
    """

    settings: ReweightedLossSettings

    def weigh(self, batch: Batch, losses: Tensor) -> Tensor:
        """Return the weights, mean 1, shape [B]."""
        return mean_one(torch.exp(-self.settings.beta * losses.detach()))
