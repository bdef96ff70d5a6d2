"""What metrics of groups share: the mean of a metric in each group of users."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recval.ranking.lists import RankedLists
from recval.ranking.metrics.metric import METRICS


def group_means(lists: RankedLists, name: str, field: str) -> npt.NDArray[np.float64]:
    """Return the mean of a metric in each group of the users that have a value, shape [number of such groups].

    Users without a group, or for whom the metric is not defined, are left out.
    """
    values = METRICS[name].per_user(lists, lists.k)
    groups = lists.context.user_groups(field)[lists.users]
    kept = (groups >= 0) & np.isfinite(values)
    counts = np.bincount(groups[kept])
    sums = np.bincount(groups[kept], values[kept])
    return sums[counts > 0] / counts[counts > 0]
