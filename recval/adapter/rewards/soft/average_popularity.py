"""soft-average-popularity@K: how popular the items of soft lists are."""

from __future__ import annotations

from torch import Tensor

from recval.adapter.rewards.soft.form import soft_form
from recval.adapter.rewards.soft.lists import SoftLists


@soft_form("average-popularity")
def soft_average_popularity(lists: SoftLists) -> Tensor:
    """Return the mean number of training interactions of the soft list's items, shape [U]."""
    return lists.mean_of(lists.context.popularity)
