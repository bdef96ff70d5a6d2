"""The differentiable reward that a method's gradients are taken of."""

from __future__ import annotations

from typing import Annotated

from recval.adapter.rewards import DifferentiableReward, differentiable_reward, is_differentiable
from recval.backbones import Backbone
from recval.data import Split
from recval.declarations import checked
from recval.errors import ConfigError
from recval.training import Loop, check_optimised


def _check(reward: str | dict[str, float]) -> None:
    if not is_differentiable(reward):
        raise ConfigError(
            f"the reward {reward!r} has no gradient, which this method needs; choose a differentiable one, such as bpr"
        )


OuterReward = Annotated[str | dict[str, float], checked(_check)]
"""The name of a differentiable reward, or a weighted sum of several."""


def check_outer_reward(reward: str | dict[str, float], backbone: Backbone, split: Split, users: int) -> None:
    """Check that a reward can be computed, and that the model's steps can be compared with its gradient.

    Raises:
        ConfigError: as for `recval.adapter.rewards.differentiable_reward`.
        DataError: nobody has a validation item.
        ModelError: the model takes its steps itself.
    """
    check_optimised(backbone)
    differentiable_reward(reward, split, users=users)


def outer_reward(reward: str | dict[str, float], loop: Loop, users: int) -> DifferentiableReward:
    """Return the reward on the loop's validation data, by so many users a call."""
    return differentiable_reward(reward, loop.split, users=users, device=loop.settings.device)
