"""Squared error: the head that models the mean alone.

The loss of a row is half the squared error of y / sd(y): the negative log-likelihood of a normal distribution of that
standard deviation, but for a constant.

Choose it for responses of any sign, or as the baseline. Do not choose it for revenue that is mostly zero and else
heavy-tailed: a few large purchases then make most of the gradient, and its expected response may be negative.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recval.uplift.heads.base import Head, Limits


class MSE(Head):
    """The mean response, fitted by least squares. One raw number: the mean in standard deviations."""

    kind: Literal["mse"] = "mse"
    size: ClassVar[int] = 1

    def start(self, response: NDArray[np.float64]) -> Tensor:
        """Return the mean in standard deviations, shape [1]."""
        return torch.tensor([response.mean() / self.limits(response).scale], dtype=torch.float32)

    def loss(self, raw: Tensor, response: Tensor, limits: Limits) -> Tensor:
        """Return half the squared error in standard deviations; of shape [...], a likelihood up to a constant."""
        return (raw[..., 0] - response / limits.scale).square() / 2

    def mean(self, raw: Tensor, limits: Limits) -> Tensor:
        """Return the expected response, cut at plus and minus the ceiling."""
        ceiling = float(np.exp(limits.log_ceiling))
        return (raw[..., 0] * limits.scale).clamp(-ceiling, ceiling)
