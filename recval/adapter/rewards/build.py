"""From the name of a reward, a weighted sum of several or a function, to what measures it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from recval.adapter.rewards.lambda_ndcg import LambdaNDCG
from recval.adapter.rewards.own import REWARDS, OwnDifferentiable, OwnMeasured, Reward
from recval.adapter.rewards.ranking_reward import RankingReward
from recval.adapter.rewards.soft import SoftReward, parse_soft
from recval.adapter.rewards.validation_loss import ValidationLoss
from recval.backbones import Backbone
from recval.data import Split
from recval.errors import ConfigError
from recval.ranking import parse

RewardSpec = str | Mapping[str, float] | Callable[..., Any]
"""A reward's name, the weights of several by name, or a function as `recval.adapter.rewards.own.Function`."""


class DifferentiableReward(Protocol):
    """A reward with a gradient; each call looks at a fresh sample of the validation data."""

    def __call__(self, backbone: Backbone, generator: torch.Generator) -> Tensor:
        """Return the reward, a scalar attached to the backbone's parameters; higher is better."""


class MeasuredReward(Protocol):
    """A reward without a gradient; all calls look at the same sample of the validation users."""

    def __call__(self, backbone: Backbone) -> float:
        """Return the reward; higher is better."""


def is_differentiable(reward: RewardSpec) -> bool:
    """Return whether a reward has a gradient.

    Raises:
        ConfigError: there is no such reward, a weight is not above 0, or only some parts of a sum have a gradient.
    """
    names = list(_weights(reward))
    sorts = [_has_gradient(name) for name in names]
    if len(set(sorts)) > 1:
        with_gradient, without = names[sorts.index(True)], names[sorts.index(False)]
        raise ConfigError(
            f"the parts of a reward must all have a gradient or all have none; {_name(with_gradient)!r} has one, "
            f"{_name(without)!r} has none (smooth forms of metrics are named 'soft-ndcg@10')"
        )
    return sorts[0]


def differentiable_reward(reward: RewardSpec, split: Split, *, users: int, device: str = "cpu") -> DifferentiableReward:
    """Return what computes a reward for which `is_differentiable` holds.

    Args:
        reward: its name, the weights of several, or a `Reward` of one's own.
        split: where the validation data comes from.
        users: validation users a look; "bpr" takes ten triplets for each.
        device: where to compute.

    Raises:
        ConfigError: a part needs a field that the data lacks, or compares groups too small for a look.
        DataError: nobody has a validation item.
    """
    weights = _weights(reward)
    soft = {name: weight for name, weight in weights.items() if isinstance(name, str) and name.startswith("soft-")}
    parts: list[tuple[float, DifferentiableReward]] = []
    if soft:
        parts.append((1.0, SoftReward(soft, split, users=users, device=device)))
    for name, weight in weights.items():
        if name not in soft:
            parts.append((weight, _differentiable(name, split, users, device)))
    return lambda backbone, generator: _sum([weight * part(backbone, generator) for weight, part in parts])


def measured_reward(reward: RewardSpec, split: Split, *, users: int, seed: int, device: str = "cpu") -> MeasuredReward:
    """Return what measures a reward without a gradient; all metrics of a sum are computed from one ranking.

    Args:
        reward: its name, the weights of several, or a function.
        split: where the validation data comes from.
        users: validation users that it looks at.
        seed: which ones.
        device: where to compute.

    Raises:
        ConfigError: as for `differentiable_reward`.
        DataError: nobody has a validation item.
    """
    weights = _weights(reward)
    own = {name: weight for name, weight in weights.items() if isinstance(name, Reward)}
    metrics = {name: weight for name, weight in weights.items() if isinstance(name, str)}
    parts: list[tuple[float, MeasuredReward]] = [
        (weight, OwnMeasured(part, split, users=users, seed=seed, device=device)) for part, weight in own.items()
    ]
    if metrics:
        parts.append((1.0, RankingReward(metrics, split, users=users, seed=seed, device=device)))
    return lambda backbone: sum(weight * part(backbone) for weight, part in parts)


def _sum(values: list[Tensor]) -> Tensor:
    return torch.stack(values).sum()


def _weights(reward: RewardSpec) -> dict[str | Reward, float]:
    """Return the weight of each part: a reward of one's own as itself, any other by its name."""
    if callable(reward):
        return {reward if isinstance(reward, Reward) else Reward(_name(reward), reward): 1.0}
    weights = {reward: 1.0} if isinstance(reward, str) else dict(reward)
    if not weights:
        raise ConfigError("a sum of rewards must have a part, such as {'ndcg@10': 1.0}; got none")
    for name, weight in weights.items():
        if isinstance(weight, bool) or not (isinstance(weight, int | float) and math.isfinite(weight) and weight > 0):
            raise ConfigError(
                f"the weight of the reward {name!r} must be a finite number above 0, got {weight!r}; "
                "metrics of which less is better are negated already"
            )
    return {REWARDS[name] if name in REWARDS else str(name): float(weight) for name, weight in weights.items()}


def _has_gradient(part: str | Reward) -> bool:
    if isinstance(part, Reward):
        return part.differentiable
    if part == "bpr":
        return True
    if part.startswith("lambda-ndcg@"):
        parse(part.removeprefix("lambda-"))
        return True
    if part.startswith("soft-"):
        parse_soft(part)
        return True
    if part.startswith("likeness"):
        raise ConfigError(
            f"{part!r} is no reward of a model, so that only DVR takes likeness[…], alone and not in a sum; name a "
            "metric, bpr, lambda-ndcg@K or soft-METRIC@K"
        )
    try:
        parse(part)
    except ConfigError as error:
        others = ", ".join(["bpr", "lambda-ndcg@K", "soft-METRIC@K", *REWARDS])
        raise ConfigError(
            f"{error}; other rewards are {others}, and for DVR alone likeness[training], [unseen] or [popular]"
        ) from None
    return False


def _differentiable(part: str | Reward, split: Split, users: int, device: str) -> DifferentiableReward:
    if isinstance(part, Reward):
        return OwnDifferentiable(part, split, users=users, device=device)
    if part == "bpr":
        return ValidationLoss(split, samples=10 * users, device=device)
    return LambdaNDCG(split, int(part.partition("@")[2]), users=users, device=device)


def _name(part: Any) -> str:
    """Return what a message calls a part."""
    return part if isinstance(part, str) else str(getattr(part, "name", getattr(part, "__name__", "function")))
