"""Whether a look holds enough users of every group that a metric compares."""

from __future__ import annotations

import math

import numpy as np

from recval.adapter.rewards.validation import ValidationUsers
from recval.data import Split
from recval.errors import ConfigError
from recval.ranking import Metric
from recval.ranking.context import Context

SMALLEST_GROUP = 5
"""How many users of each group a look should hold: means over fewer are noise, and the gap of two is nothing else."""


def check_groups(name: str, metric: Metric, split: Split, users: ValidationUsers) -> None:
    """Check that samples hold enough users of every group; a metric that compares no groups of users passes.

    Args:
        name: the reward, for the message.
        metric: the metric, as that of "group-gap[recall,gender]@20".
        split: whose users.
        users: how they are sampled.

    Raises:
        ConfigError: the users have no such field, fewer than two groups, or too few of a group in a sample.
    """
    fields = [field for kind, field in zip(metric.parameters, metric.arguments, strict=True) if kind == "user field"]
    for field in fields:
        groups = Context(users=split.users).user_groups(field)[users.all]
        sizes = np.bincount(groups[groups >= 0])
        sizes = sizes[sizes > 0]
        if len(sizes) < 2:
            raise ConfigError(
                f"the reward {name!r} compares groups of users, but the users with validation items have "
                f"{len(sizes)} value(s) of the field {field!r}; choose a field of two or more"
            )
        expected = sizes.min() * users.number / len(users.all)
        if expected < SMALLEST_GROUP:
            raise ConfigError(
                f"the reward {name!r} compares groups of users, and a look at {users.number} of the {len(users.all)} "
                f"validation users holds about {expected:.1f} of the smallest group, {SMALLEST_GROUP} are needed; "
                + _advice(int(sizes.min()), len(users.all))
            )


def _advice(smallest: int, number: int) -> str:
    if smallest < SMALLEST_GROUP:
        return "choose a field of larger groups"
    return f"set users to {math.ceil(SMALLEST_GROUP * number / smallest)} or more, or choose a field of larger groups"
