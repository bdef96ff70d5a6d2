"""group-gap[metric,field]@K: how far apart groups of users are served."""

from __future__ import annotations

from recval.ranking.lists import RankedLists
from recval.ranking.metrics.groups import group_means
from recval.ranking.metrics.metric import metric


@metric("group-gap", overall=True, lower_is_better=True, parameters=("metric", "user field"))
def group_gap(lists: RankedLists, name: str, field: str) -> float:
    """Return the highest minus the lowest of the groups' means of a metric; 0 is equal treatment.

    Of recall it is the difference in equal opportunity: held-out items are found at the same rate in every group. In
    the metric's range from 0 on; NaN without groups. With more groups the gap grows by chance alone.

    Source: Hardt, Price and Srebro, "Equality of opportunity in supervised learning", NIPS 2016; for two groups of
    users, Li et al., "User-oriented fairness in recommendation", WWW 2021.
    """
    means = group_means(lists, name, field)
    return float(means.max() - means.min()) if len(means) else float("nan")
