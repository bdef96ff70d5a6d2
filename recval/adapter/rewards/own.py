"""Rewards of one's own: functions of the backbone, registered by name.

    @recval.adapter.reward("long-tail-score")
    def long_tail_score(backbone, split, users):
        rare = torch.from_numpy(split.train.item_counts() < 10)
        return backbone.score(users)[:, rare].mean()

What can be computed from ranked lists is better a metric of one's own (`recval.ranking.metric`), which is a reward at
once, with bootstraps, tests and reports besides. This is for what needs the backbone itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from recval.adapter.rewards.validation import ValidationUsers, evaluating, without_test
from recval.backbones import Backbone
from recval.data import Split
from recval.errors import ConfigError
from recval.ranking import METRICS
from recval.registry import Registry

Function = Callable[[Backbone, Split, Tensor], Any]
"""From the backbone in evaluation mode, the split without its test part and the codes of the validation users of this
look, shape [U], to one number; higher is better."""


@dataclass(frozen=True)
class Reward:
    """A reward of one's own.

    Attributes:
        name: what recipes and messages call it.
        function: see `Function`; if differentiable, it returns a scalar tensor attached to the backbone's parameters:
            take `backbone.attached_score(users)`, since `backbone.score(users)` is not.
        differentiable: whether the function has a gradient.
    """

    name: str
    function: Function
    differentiable: bool = False

    def __call__(self, backbone: Backbone, split: Split, users: Tensor) -> Any:
        """Return the function's value."""
        return self.function(backbone, split, users)


REWARDS: Registry[Reward] = Registry("reward")


def reward(name: str, differentiable: bool = False) -> Callable[[Function], Reward]:
    """Register the decorated function as a reward that recipes, the command line and `recval.DVR` know by name.

    Args:
        name: without `@`, brackets and commas.
        differentiable: whether the function returns a tensor with a gradient; see `Reward`.

    Raises:
        ConfigError: the name cannot be one, or is taken by a reward or a metric.
    """
    if not name or set(name) & set("@[],"):
        raise ConfigError(f"a reward's name must not be empty nor hold '@', '[', ']' or ',', got {name!r}")
    if name in METRICS or name == "bpr" or name.startswith(("soft-", "lambda-", "likeness")):
        raise ConfigError(f"the name {name!r} is taken by one of recval's own rewards; choose another")
    return lambda function: REWARDS.register(name)(Reward(name, function, differentiable))


class OwnMeasured:
    """A reward of one's own on a fixed sample of validation users.

    Args:
        reward: the reward.
        split: where the users come from; the function does not see its test part.
        users: how many users.
        seed: which users.
        device: where their codes are put.
    """

    def __init__(self, reward: Reward, split: Split, *, users: int, seed: int, device: str = "cpu") -> None:
        self._reward, self._split = reward, without_test(split)
        self._users = torch.from_numpy(ValidationUsers(split, users).fixed(seed)).to(device)

    @torch.no_grad()
    def __call__(self, backbone: Backbone) -> float:
        """Return the function's value; the training mode is kept.

        Raises:
            ConfigError: it is no finite number.
        """
        with evaluating(backbone):
            value = self._reward(backbone, self._split, self._users)
        return finite(self._reward.name, _number(self._reward.name, value).item())


class OwnDifferentiable:
    """A reward of one's own with a gradient, on a fresh sample of validation users a call.

    Args:
        reward: the reward.
        split: where the users come from; the function does not see its test part.
        users: users a call.
        device: where their codes are put.
    """

    def __init__(self, reward: Reward, split: Split, *, users: int, device: str = "cpu") -> None:
        self._reward, self._split, self._device = reward, without_test(split), device
        self._users = ValidationUsers(split, users)

    def __call__(self, backbone: Backbone, generator: torch.Generator) -> Tensor:
        """Return the function's value, a scalar with a gradient; the training mode is kept.

        Raises:
            ConfigError: it is no finite number, or has no gradient.
        """
        users = torch.from_numpy(self._users.fresh(generator)).to(self._device)
        with evaluating(backbone):
            value = _number(self._reward.name, self._reward(backbone, self._split, users))
        if not value.requires_grad:
            raise ConfigError(
                f"the reward {self._reward.name!r} is said to be differentiable, but its value has no gradient; "
                "compute it from backbone.attached_score(users)"
            )
        finite(self._reward.name, value.item())
        return value


def finite(name: str, value: float) -> float:
    """Return the value of a reward.

    Raises:
        ConfigError: it is NaN or infinite.
    """
    if value - value != 0:
        raise ConfigError(f"the reward {name!r} must be a finite number, got {value} on the sampled validation users")
    return value


def _number(name: str, value: Any) -> Tensor:
    try:
        found = torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(f"the reward {name!r} must return one number, got {type(value).__name__}") from error
    if found.numel() != 1 or found.is_complex():
        raise ConfigError(f"the reward {name!r} must return one number, got the shape {tuple(found.shape)}")
    return found.reshape(())
