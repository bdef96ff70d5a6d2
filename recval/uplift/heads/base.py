"""What every head has: raw numbers of a network in, a likelihood and an expected response out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from recval.declarations import Declaration
from recval.errors import DataError

HEADROOM = 3.0
"""An expected response is at most exp(3), about 20, times the largest response of the training."""

KNEE = 20.0
"""Where an exponential in a likelihood goes on as a line; exp(20) is 5e8."""


@dataclass(frozen=True)
class Limits:
    """What a head must know of the responses that it was trained on; a part of the saved model.

    Attributes:
        scale: the standard deviation of the responses, or 1 where they are all the same.
        log_ceiling: the logarithm of the largest expected response that a head gives.
    """

    scale: float
    log_ceiling: float


class Head(Declaration, ABC):
    """Base of heads. A network gives `size` raw numbers for each arm; the head says what they mean.

    All methods on tensors work for any leading axes, on any device, in float32 or float64.
    """

    size: ClassVar[int]
    """How many raw numbers an arm needs (P)."""

    def check(self, response: NDArray[np.float64]) -> None:
        """Refuse responses that the head cannot have.

        Raises:
            DataError: there is such a response.
        """

    def limits(self, response: NDArray[np.float64]) -> Limits:
        """Return the limits that follow from the responses of the training, shape [n], n >= 1."""
        largest = float(np.abs(response).max())
        scale = float(response.std()) if np.ptp(response) else 1.0
        return Limits(scale=scale, log_ceiling=float(np.log(largest or 1.0)) + HEADROOM)

    @abstractmethod
    def start(self, response: NDArray[np.float64]) -> Tensor:
        """Return the raw numbers, shape [P], of the best model without features: where training begins."""

    @abstractmethod
    def loss(self, raw: Tensor, response: Tensor, limits: Limits) -> Tensor:
        """Return the negative log-likelihood of each response.

        Args:
            raw: the network's numbers, shape [..., P].
            response: shape [...], in the unit of the data.
            limits: those of the training.

        Returns:
            Shape [...], nats.
        """

    @abstractmethod
    def mean(self, raw: Tensor, limits: Limits) -> Tensor:
        """Return the expected response, shape [...], in the unit of the data; finite for every finite `raw`."""


class RevenueHead(Head, ABC):
    """Base of heads for responses that are never negative."""

    def check(self, response: NDArray[np.float64]) -> None:
        """Refuse negative responses."""
        negative = np.flatnonzero(response < 0)
        if len(negative):
            raise DataError(
                f"{len(negative)} of {len(response)} responses are negative, the first is {response[negative[0]]:g} "
                f"in row {negative[0]}; the {getattr(self, 'kind', 'revenue')} head needs 0 or more: "
                "correct them, or take the mse head"
            )


def log_odds(response: NDArray[np.float64]) -> float:
    """Return the log-odds of a positive response, finite also where all or none are: half a row is added to both."""
    bought = np.count_nonzero(response > 0)
    return float(np.log((bought + 0.5) / (len(response) - bought + 0.5)))


def inverse_softplus(value: float) -> float:
    """Return x with log(1 + exp(x)) = value > 0."""
    return float(value + np.log(-np.expm1(-value)))


def exp_then_line(exponent: Tensor) -> Tensor:
    """Return exp(x) up to x = `KNEE` and its tangent beyond: convex, with gradients that are finite and never zero."""
    tangent = float(np.exp(KNEE)) * (1 + exponent - KNEE)
    return torch.where(exponent < KNEE, exponent.clamp(max=KNEE).exp(), tangent)


def purchase_loss(logit: Tensor, bought: Tensor) -> Tensor:
    """Return the negative log-likelihood of having bought or not, both of shape [...]."""
    return functional.softplus((1 - 2 * bought.to(logit.dtype)) * logit)
