"""worst-group[metric,field]@K: how the worst served group of users fares."""

from __future__ import annotations

from recval.errors import ConfigError
from recval.ranking.lists import RankedLists
from recval.ranking.metrics.groups import group_means
from recval.ranking.metrics.metric import METRICS, metric


@metric("worst-group", overall=True, parameters=("metric", "user field"))
def worst_group(lists: RankedLists, name: str, field: str) -> float:
    """Return the lowest of the groups' means of a metric, in the metric's range; NaN without groups.

    The groups are the values of a user field. A small group is often the lowest by chance alone: look at the sizes,
    and prefer fields of few values.

    Source: the max-min principle of Rawls, A Theory of Justice, 1971; worst-group accuracy of Sagawa et al., ICLR 2020.

    Raises:
        ConfigError: a lower value of the metric is the better one, or the users have no such field.
    """
    if METRICS[name].lower_is_better:
        raise ConfigError(f"worst-group takes a metric of which more is better, such as 'ndcg'; got {name!r}")
    means = group_means(lists, name, field)
    return float(means.min()) if len(means) else float("nan")
