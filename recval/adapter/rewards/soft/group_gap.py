"""soft-group-gap[metric,field]@K: how far apart groups of users are served by soft lists."""

from __future__ import annotations

from torch import Tensor

from recval.adapter.rewards.soft.form import FORMS, soft_form
from recval.adapter.rewards.soft.lists import SoftLists, ratio


@soft_form("group-gap")
def soft_group_gap(lists: SoftLists, metric: str, field: str) -> Tensor:
    """Return the highest minus the lowest of the groups' means of a soft metric, a scalar; NaN without groups.

    The gradient is that of these two groups' means.
    """
    values = FORMS[metric](lists)
    groups = lists.context.user_groups(field)[lists.users]
    kept = (groups >= 0) & ~values.isnan()
    groups, values = groups[kept], values[kept]
    if len(groups) == 0:
        return lists.membership.new_tensor(float("nan"))
    number = groups.bincount()
    means = ratio(values.new_zeros(len(number)).index_add(0, groups, values), number)
    means = means[number > 0]
    return means.max() - means.min()
