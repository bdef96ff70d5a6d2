"""The settings of DVR."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PlainSerializer, SkipValidation, model_validator

from recval.adapter.observation import Inputs
from recval.adapter.rewards import Reward, RewardSpec, is_differentiable
from recval.declarations import Declaration, checked
from recval.errors import ConfigError
from recval.valuation.likeness import check_inputs, contrast_of
from recval.valuation.networks import Kind


def _written(reward: RewardSpec) -> Any:
    """Return a reward as a file can hold it: a function is told by its name."""
    if isinstance(reward, Reward):
        return reward.name
    return f"{reward.__module__}.{reward.__qualname__}" if callable(reward) else reward


def _check_reward(reward: Any) -> None:
    if not (isinstance(reward, str | Mapping) or callable(reward)):
        raise ConfigError(f"expected the name of a reward, weights by name, or a function. Got {reward!r} instead")
    if contrast_of(reward) is None:
        is_differentiable(reward)


class DVRSettings(Declaration):
    """The settings of DVR.

    Attributes:
        reward: what training aims at: a metric such as "ndcg@10", a differentiable reward such as "bpr", a weighted sum
            of either sort, or, from Python, a function; see `recval.adapter.rewards`. Or "likeness[training]",
            "likeness[unseen]" or "likeness[popular]"; see `recval.valuation.likeness`.
        inputs: what the valuator sees of a sample, each once; see `recval.adapter.observation.Observer`.
        valuator: the network that values the samples; see `recval.valuation.networks`.
        action: "weights" trains on all samples by their weights, "selection" on those that are drawn.
        temperature: how much a difference in value must be to change a weight.
        interval: steps between two looks at the reward; each look is one update of the valuator.
        users: validation users a look.
        learning_rate: Adam's step size for the valuator.
        clip: the largest norm of the gradient of the valuator's update; a larger one is scaled to it.
        averaging: the valuator that weighs is a running mean of the one that learns; its memory, in [0, 1).
        rollouts: under a reward without a gradient, the selections that are tried in trial steps a look, each compared
            with the others. 1 tries one in the actual step, and compares its reward with those of earlier looks; so it
            is in one's own loop, whatever is set.
        fit: under a reward without a gradient, the weight of fitting the worth of a selection to its reward.
        entropy: under a reward without a gradient, the weight of the bonus that keeps the selection undecided.
        baseline: under a reward without a gradient, how many recent looks scale the rewards, and with one rollout make
            the baseline.
        hidden: widths of the sample encoder's hidden layers, before its last one.
        features: length of an encoded sample.
        channels: channels of the valuator "harsanyi_esp".
        order: its largest coalition with a dividend of its own.
        draws: estimates of each value, with fresh negatives and batches, after training.
    """

    reward: Annotated[
        RewardSpec,
        SkipValidation,
        checked(_check_reward),
        PlainSerializer(_written, when_used="json"),
    ] = "bpr"
    inputs: Inputs = Field(("user", "item", "activity", "popularity"), min_length=1)
    valuator: Kind = "harsanyi_esp"
    action: Literal["weights", "selection"] = "weights"
    temperature: float = Field(0.05, gt=0, allow_inf_nan=False)
    interval: int = Field(50, ge=1)
    users: int = Field(128, ge=1)
    learning_rate: float = Field(5e-3, gt=0, allow_inf_nan=False)
    clip: float = Field(10.0, gt=0)
    averaging: float = Field(0.95, ge=0, lt=1)
    rollouts: int = Field(4, ge=1)
    fit: float = Field(1.0, ge=0, allow_inf_nan=False)
    entropy: float = Field(0.0, ge=0, allow_inf_nan=False)
    baseline: int = Field(20, ge=1)
    hidden: tuple[Annotated[int, Field(ge=1)], ...] = ()
    features: int = Field(16, ge=1)
    channels: int = Field(4, ge=1)
    order: int = Field(2, ge=1, le=3)
    draws: int = Field(2, ge=2)

    @model_validator(mode="after")
    def _inputs_fit_the_reward(self) -> Self:
        if contrast_of(self.reward) is not None:
            check_inputs(self.inputs)
        return self
