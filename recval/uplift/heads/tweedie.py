"""Tweedie: a customer makes a Poisson number of purchases, each of them gamma; the mean m is all that is modelled.

    loss = y m^(1 - power) / (power - 1) + m^(2 - power) / (2 - power),      variance of y proportional to m^power

with y and m in standard deviations of the training's responses and log m the raw number. This is a quasi-likelihood:
the likelihood of a Tweedie distribution of dispersion 1 but for a term without m, and half the Tweedie deviance but for
another. It need not integrate to 1, and losses of different powers cannot be compared. Where an exponent passes 20 the
exponential goes on as a line; the mean is cut at the ceiling.

Choose it where the rate of buying and the size of purchases move together, or where few rows ask for one number an arm:
the mean is estimated consistently whatever the distribution. Do not choose it where treatment moves rate and size in
different ways, or where probabilities of buying are asked for: it has none. It cannot have negative responses.

Sources: Jorgensen, "Exponential dispersion models", Journal of the Royal Statistical Society B 1987; McCullagh &
Nelder, "Generalized linear models", 1989, chapter 9 (quasi-likelihood).
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from recval.uplift.heads.base import Limits, RevenueHead, exp_then_line


class Tweedie(RevenueHead):
    """The mean of a Tweedie distribution. One raw number: the logarithm of the mean in standard deviations.

    Attributes:
        power: how variance grows with the mean; near 1 many small purchases, near 2 few of gamma size.
    """

    kind: Literal["tweedie"] = "tweedie"
    power: float = Field(1.5, gt=1, lt=2)
    size: ClassVar[int] = 1

    def start(self, response: NDArray[np.float64]) -> Tensor:
        """Return the logarithm of the mean in standard deviations, shape [1]; exp(-5) where all responses are 0."""
        mean = response.mean() / self.limits(response).scale
        return torch.tensor([np.log(mean) if mean > 0 else -5.0], dtype=torch.float32)

    def loss(self, raw: Tensor, response: Tensor, limits: Limits) -> Tensor:
        """Return the negative quasi-log-likelihood in standard deviations, shape [...]."""
        log_mean, above_one, below_two = raw[..., 0], self.power - 1, 2 - self.power
        bought = response / limits.scale * exp_then_line(-above_one * log_mean) / above_one
        return bought + exp_then_line(below_two * log_mean) / below_two

    def mean(self, raw: Tensor, limits: Limits) -> Tensor:
        """Return the expected response, shape [...], with its logarithm cut at the ceiling."""
        return (raw[..., 0] + float(np.log(limits.scale))).clamp(max=limits.log_ceiling).exp()
