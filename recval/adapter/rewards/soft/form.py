"""The registry of the smooth forms of metrics, and how their names are read."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from recval.errors import ConfigError
from recval.ranking import Metric, parse
from recval.registry import Registry

Form = Callable[..., Tensor]
"""From soft lists (`recval.adapter.rewards.soft.lists`) and what stands in the metric's brackets, to a value for each
user, shape [U], NaN where it is not defined; of an overall metric, to a scalar."""

FORMS: Registry[Form] = Registry("soft-form")


def soft_form(metric: str) -> Callable[[Form], Form]:
    """Register the decorated function as the smooth form of the metric of that name, as "soft-<metric>@K".

    Raises:
        ConfigError: the metric has one already.
    """
    return FORMS.register(metric)


def parse_soft(text: str) -> tuple[Metric, int]:
    """Read the name of a soft reward, as "soft-ndcg@10" or "soft-group-gap[recall,gender]@20".

    Returns:
        The metric, and its cut-off.

    Raises:
        ConfigError: the metric, or the one in its brackets, has no smooth form, or is not written as it must be.
    """
    name = text.removeprefix("soft-")
    base = name.partition("[")[0].partition("@")[0]
    _check(base, text)
    metric, k = parse(name)
    assert k is not None
    for parameter, argument in zip(metric.parameters, metric.arguments, strict=True):
        if parameter == "metric":
            _check(argument, text)
    return metric, k


def _check(name: str, text: str) -> None:
    if name not in FORMS:
        raise ConfigError(f"the metric {name!r} of {text!r} has no soft form (allowed: {', '.join(FORMS)})")
