"""What every uplift network is: settings that build a module, and a module that predicts each arm's response.

A module maps a customer's features to the head's raw numbers for every arm, the control first. Uplift is never an
output of its own: it is the difference of two arms' expected responses, so that every network takes every head.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn

from recval.declarations import Declaration
from recval.uplift.heads.base import Head, Limits

Width = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class Task:
    """What a network is built for.

    Attributes:
        n_numeric: numeric features N.
        cardinalities: codes of each of the C categorical features, the code 0 for unseen or missing included.
        n_arms: arms A + 1, the control included.
        head: the distribution of a response.
        limits: the scale of the training responses.
        start: the head's raw numbers that every prediction begins at, shape [P].
    """

    n_numeric: int
    cardinalities: Sequence[int]
    n_arms: int
    head: Head
    limits: Limits
    start: Tensor


@dataclass(frozen=True)
class Outputs:
    """What a module computes from a batch of B customers.

    Attributes:
        parameters: the head's raw numbers for every arm, shape [B, A + 1, P].
        representation: what the arms share, shape [B, R]; None where they share nothing.
        propensity: logits of the arms, shape [B, A + 1]; None where the network does not predict the treatment.
    """

    parameters: Tensor
    representation: Tensor | None = None
    propensity: Tensor | None = None


class UpliftModule(nn.Module, ABC):
    """A network that predicts the response under every arm."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.head = task.head
        self.limits = task.limits

    @abstractmethod
    def forward(self, numeric: Tensor, codes: Tensor) -> Outputs:
        """Return the outputs for customers.

        Args:
            numeric: float32, shape [B, N].
            codes: int64, shape [B, C].
        """

    def means(self, outputs: Outputs) -> Tensor:
        """Return the expected response under every arm, shape [B, A + 1]."""
        return self.head.mean(outputs.parameters, self.limits)

    def likelihood(self, outputs: Outputs, arm: Tensor, response: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the mean negative log-likelihood of the responses, each under the head of its own arm; a scalar.

        Args:
            outputs: of B customers.
            arm: their arms, int64, shape [B].
            response: their responses, shape [B].
            weight: what each counts, with mean 1, shape [B]; None for equal weights.
        """
        own = own_arm(outputs.parameters, arm)
        return weighted_mean(self.head.loss(own, response, self.limits), weight)

    def own_terms(self, outputs: Outputs, arm: Tensor, response: Tensor, weight: Tensor | None = None) -> Tensor | None:
        """Return what the network adds to the likelihood, a scalar; None where it adds nothing."""
        return None

    def loss(self, outputs: Outputs, arm: Tensor, response: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return what training minimises, a scalar; arguments as for `likelihood`."""
        likelihood = self.likelihood(outputs, arm, response, weight)
        terms = self.own_terms(outputs, arm, response, weight)
        return likelihood if terms is None else likelihood + terms


class Network(Declaration, ABC):
    """The settings of a network that are common to all.

    Attributes:
        kind: which network.
        embedding: length of a category's vector.
        representation: widths of the layers that the arms share, or, where they share none, of each arm's first ones.
        heads: widths of the layers that each arm has for itself, before its outputs.
        activation: what follows each of these layers.
        dropout: share of their units that is dropped in training.
    """

    kind: str
    embedding: int = Field(10, ge=1)
    representation: tuple[Width, ...] = (64, 64)
    heads: tuple[Width, ...] = (32,)
    activation: Literal["relu", "elu", "silu"] = "relu"
    dropout: float = Field(0.0, ge=0, lt=1)

    @abstractmethod
    def build(self, task: Task) -> UpliftModule:
        """Return a new module, with parameters drawn from torch's global generator."""


def own_arm(values: Tensor, arm: Tensor) -> Tensor:
    """Return of values for every arm, shape [B, A + 1, ...], those of each row's own arm, shape [B, ...]."""
    return values.take_along_dim(arm.view(-1, *[1] * (values.dim() - 1)), dim=1).squeeze(1)


def weighted_mean(losses: Tensor, weight: Tensor | None) -> Tensor:
    """Return the mean of losses of rows, shape [B], each times its weight; a scalar."""
    return losses.mean() if weight is None else (losses * weight).mean()
