"""The settings of DVR."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from recval.adapter.observation import Input
from recval.adapter.rewards import is_differentiable
from recval.declarations import Declaration, checked


class DVRSettings(Declaration):
    """The settings of DVR.

    Attributes:
        reward: what training aims at: a ranking metric such as "ndcg@10", or "bpr", or "lambda-ndcg@K".
        inputs: what the valuator sees of a sample; see `recval.adapter.observation.Observer`.
        action: "weights" trains on all samples by their weights, "selection" on those that are drawn.
        temperature: how much a difference in value must be to change a weight.
        interval: steps between two looks at the reward; each look is one update of the valuator.
        users: validation users a look.
        learning_rate: Adam's step size for the valuator.
        averaging: the valuator that weighs is a running mean of the one that learns; its memory, in [0, 1).
        fit: under a ranking metric, the weight of fitting the worth of a selection to its reward.
        entropy: under a ranking metric, the weight of the bonus that keeps the selection undecided.
        baseline: under a ranking metric, how many recent rewards make the baseline.
        hidden: widths of the sample encoder's hidden layers, before its last one.
        features: length of an encoded sample.
        channels: channels of the Harsanyi valuator.
        order: largest coalition with a dividend of its own.
        draws: estimates of each value, with fresh negatives and batches, after training.
    """

    reward: Annotated[str, checked(is_differentiable)] = "bpr"
    inputs: tuple[Input, ...] = Field(("user", "item", "activity", "popularity"), min_length=1)
    action: Literal["weights", "selection"] = "weights"
    temperature: float = Field(0.05, gt=0, allow_inf_nan=False)
    interval: int = Field(25, ge=1)
    users: int = Field(128, ge=1)
    learning_rate: float = Field(5e-3, gt=0, allow_inf_nan=False)
    averaging: float = Field(0.95, ge=0, lt=1)
    fit: float = Field(1.0, ge=0, allow_inf_nan=False)
    entropy: float = Field(0.0, ge=0, allow_inf_nan=False)
    baseline: int = Field(20, ge=1)
    hidden: tuple[Annotated[int, Field(ge=1)], ...] = ()
    features: int = Field(16, ge=1)
    channels: int = Field(4, ge=1)
    order: int = Field(2, ge=1, le=3)
    draws: int = Field(2, ge=2)
