"""What a metric is, how one is registered, and how its name is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recval.errors import ConfigError
from recval.ranking.lists import RankedLists
from recval.registry import Registry

PerUser = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """The quality of a user's ranked list.

    Attributes:
        name: as in "ndcg@10", without the cut-off.
        function: from lists that are already cut to `lists.k` items to a value for each user, shape [U].
        lower_is_better: whether a smaller value is the better one.
    """

    name: str
    function: Callable[[RankedLists], npt.ArrayLike]
    lower_is_better: bool = False

    def per_user(self, lists: RankedLists, k: int) -> PerUser:
        """Return the value of each user's first k items, shape [U].

        Raises:
            ConfigError: the lists are shorter than k, or the function does not give one number a user.
        """
        values = np.asarray(self.function(lists.first(k)), np.float64)
        if values.shape != lists.users.shape:
            raise ConfigError(
                f"the metric {self.name!r} must give one value a user, shape {lists.users.shape}, got {values.shape}"
            )
        return values


METRICS: Registry[Metric] = Registry("metric")


def metric(name: str, *, lower_is_better: bool = False) -> Callable[[Callable[[RankedLists], npt.ArrayLike]], Metric]:
    """Register the decorated function as a metric.

    The function is given lists cut to the wanted length and returns a value for each user::

        @metric("first")
        def first(lists: RankedLists) -> np.ndarray:
            return lists.hits[:, 0]

    Raises:
        ConfigError: the name holds an `@`, or is taken.
    """
    if "@" in name:
        raise ConfigError(f"a metric's name must not hold '@', which begins the cut-off, got {name!r}")

    def add(function: Callable[[RankedLists], npt.ArrayLike]) -> Metric:
        return METRICS.register(name)(Metric(name, function, lower_is_better))

    return add


def parse(text: str) -> tuple[Metric, int]:
    """Read a metric and its cut-off, as in "ndcg@10".

    Raises:
        ConfigError: the metric is unknown, or the cut-off is missing or not a whole number of at least 1.
    """
    name, at, cut_off = str(text).partition("@")
    found = METRICS[name]
    if not at:
        raise ConfigError(f"the metric {text!r} has no cut-off; write it as '{name}@10'")
    if not (cut_off.isascii() and cut_off.isdigit() and int(cut_off) > 0):
        raise ConfigError(
            f"the cut-off of a metric must be a whole number of at least 1, got {cut_off!r} in {text!r}; "
            f"write it as '{name}@10'"
        )
    return found, int(cut_off)
