"""The settings of DVR."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from recval.declarations import Declaration


class DVRSettings(Declaration):
    """The settings of DVR.

    Attributes:
        reward: what training aims at: a ranking metric such as "ndcg@10", or "bpr", or "lambda-ndcg@K".
        action: "weights" trains on all samples by their weights, "selection" on those that are drawn.
        interval: steps between two looks at the reward; each look is one update of the valuator.
        users: validation users a look.
        temperature: how much a difference in value must be to change a weight.
        learning_rate: Adam's step size for the valuator.
        entropy: the weight of the bonus that keeps selection undecided.
        fit: the weight of fitting the worth, or the values, to the reward.
        baseline: how many recent rewards make the policy gradient's baseline.
        hidden: widths of the sample encoder's hidden layers.
        features: length of an encoded sample.
        channels: channels of the Harsanyi valuator.
        order: largest coalition with a dividend of its own.
        draws: estimates of each value, with fresh negatives and batches, after training.
    """

    reward: str = "lambda-ndcg@10"
    action: Literal["weights", "selection"] = "weights"
    interval: int = Field(10, ge=1)
    users: int = Field(256, ge=1)
    temperature: float = Field(1.0, gt=0)
    learning_rate: float = Field(1e-3, gt=0)
    entropy: float = Field(0.0, ge=0)
    fit: float = Field(1.0, ge=0)
    baseline: int = Field(20, ge=1)
    hidden: tuple[int, ...] = (64, 32)
    features: int = Field(10, ge=1)
    channels: int = Field(16, ge=1)
    order: int = Field(2, ge=1, le=3)
    draws: int = Field(8, ge=2)
