"""What a metric is, how one is registered, and how its name is read."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from recval.errors import ConfigError
from recval.ranking.context import Context
from recval.ranking.lists import RankedLists
from recval.registry import Registry

PerUser = npt.NDArray[np.float64]

Parameter = Literal["metric", "user field", "item field", "item vectors"]
"""What may stand in the brackets of a metric's name: another metric, a field of the users or items, item vectors."""


@dataclass(frozen=True)
class Metric:
    """The quality of ranked lists: of each user's, or of all together.

    Attributes:
        name: as in "ndcg@10", without the cut-off and without arguments.
        function: from lists that are already cut to `lists.k` items, or from the ranks in the whole ranking, and the
            arguments, to a value for each user, shape [U], NaN where it is not defined; or to one number for all.
        lower_is_better: whether a smaller value is the better one.
        overall: whether the function gives one number for all lists.
        whole_ranking: whether the function is given `lists.ranks` instead of lists; it has no cut-off then.
        parameters: what the name takes in brackets, as in "worst-group[ndcg,gender]@10".
        arguments: what stands there.
    """

    name: str
    function: Callable[..., Any]
    lower_is_better: bool = False
    overall: bool = False
    whole_ranking: bool = False
    parameters: tuple[Parameter, ...] = ()
    arguments: tuple[str, ...] = ()

    def per_user(self, lists: RankedLists, k: int | None = None) -> PerUser:
        """Return the value of each user's first k items, shape [U]; NaN where it is not defined.

        Raises:
            ConfigError: the lists are shorter than k, or the function does not give one number a user, or needs what
                `lists.context` lacks.
        """
        values = self._computed(lists, k)
        if values.shape != lists.users.shape:
            raise ConfigError(
                f"the metric {self.name!r} must give one value a user, shape {lists.users.shape}, got {values.shape}"
            )
        return values

    def of_all(self, lists: RankedLists, k: int | None = None) -> float:
        """Return the value of all users' first k items together.

        Raises:
            ConfigError: as for `per_user`; an overall metric must give one number.
        """
        value = self._computed(lists, k)
        if value.shape != ():
            raise ConfigError(f"the metric {self.name!r} must give one number for all lists, got shape {value.shape}")
        return float(value)

    def _computed(self, lists: RankedLists, k: int | None) -> PerUser:
        if self.whole_ranking and lists.ranks is None:
            raise ConfigError(f"the metric {self.name!r} needs the ranks of held-out items; an Evaluator gives them")
        cut = lists if k is None else lists.first(k)
        return np.asarray(self.function(lists.ranks if self.whole_ranking else cut, *self.arguments), np.float64)

    def check(self, context: Context) -> None:
        """Check that the fields in the brackets exist.

        Raises:
            ConfigError: one does not.
        """
        for parameter, argument in zip(self.parameters, self.arguments, strict=True):
            match parameter:
                case "user field":
                    context.user_groups(argument)
                case "item field":
                    context.categories(argument)
                case "item vectors":
                    context.directions(argument)

    def with_arguments(self, arguments: tuple[str, ...]) -> Metric:
        """Return the metric of these arguments.

        Raises:
            ConfigError: there are too few or too many, or one is not a metric that can stand there.
        """
        if len(arguments) != len(self.parameters) or not all(arguments):
            found = f"[{','.join(arguments)}]" if any(arguments) else "nothing in brackets"
            raise ConfigError(f"the metric {self.name!r} is written as {self.usage!r}, got {found}")
        for parameter, argument in zip(self.parameters, arguments, strict=True):
            if parameter == "metric" and not METRICS[argument].is_of_each_list:
                raise ConfigError(
                    f"the metric in the brackets of {self.name!r} must have a value for each user, a cut-off and no "
                    f"brackets of its own, such as 'ndcg' or 'recall'; got {argument!r}"
                )
        return replace(self, arguments=arguments)

    @property
    def is_of_each_list(self) -> bool:
        """Whether it needs no more than one user's list, and so can stand in the brackets of another."""
        return not (self.overall or self.whole_ranking or self.parameters)

    @property
    def usage(self) -> str:
        """How the name is written, as "worst-group[metric,user field]@10"."""
        brackets = f"[{','.join(self.parameters)}]" if self.parameters else ""
        return self.name + brackets + ("" if self.whole_ranking else "@10")


METRICS: Registry[Metric] = Registry("metric")

_NAME = re.compile(r"([^@\[\]]*)(?:\[(.*)\])?(?:@(.*))?", re.DOTALL)
"""A name, arguments in brackets, a cut-off."""


def metric(
    name: str,
    *,
    lower_is_better: bool = False,
    overall: bool = False,
    whole_ranking: bool = False,
    parameters: tuple[Parameter, ...] = (),
) -> Callable[[Callable[..., Any]], Metric]:
    """Register the decorated function as a metric.

    The function is given lists cut to the wanted length and returns a value for each user::

        @metric("first")
        def first(lists: RankedLists) -> np.ndarray:
            return lists.hits[:, 0]

    An overall metric returns one number for all lists. One of the whole ranking is given `Ranks` instead of lists. What
    stands in the brackets of a name is passed on as text.

    Raises:
        ConfigError: the name holds `@`, `[`, `]` or `,`, or is taken.
    """
    if set(name) & set("@[],"):
        raise ConfigError(f"a metric's name must not hold '@', '[', ']' or ',', which end it, got {name!r}")

    def add(function: Callable[..., Any]) -> Metric:
        return METRICS.register(name)(Metric(name, function, lower_is_better, overall, whole_ranking, parameters))

    return add


def parse(text: str) -> tuple[Metric, int | None]:
    """Read a metric and its cut-off, as in "ndcg@10", "auc" or "category-coverage[genre]@10".

    Returns:
        The metric, and its cut-off; None for a metric of the whole ranking, which has none.

    Raises:
        ConfigError: the metric is unknown, its brackets are not what it takes, or the cut-off is missing, needless or
            not a whole number of at least 1.
    """
    parts = _NAME.fullmatch(str(text))
    if parts is None:
        raise ConfigError(f"cannot read the metric {text!r}; write it as 'ndcg@10' or 'category-coverage[field]@10'")
    name, inside, cut_off = parts.groups()
    found = METRICS[name]
    if found.parameters or inside is not None:
        found = found.with_arguments(tuple(part.strip() for part in (inside or "").split(",")))
    if found.whole_ranking:
        if cut_off is not None:
            raise ConfigError(f"the metric {name!r} is of the whole ranking and has no cut-off, got {text!r}")
        return found, None
    if cut_off is None:
        raise ConfigError(f"the metric {text!r} has no cut-off; write it as '{text}@10'")
    if not (cut_off.isascii() and cut_off.isdigit() and int(cut_off) > 0):
        raise ConfigError(
            f"the cut-off of a metric must be a whole number of at least 1, got {cut_off!r} in {text!r}; "
            f"write it as '{text.removesuffix('@' + cut_off)}@10'"
        )
    return found, int(cut_off)
