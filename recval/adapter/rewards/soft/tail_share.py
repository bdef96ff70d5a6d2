"""soft-tail-share@K: how much of the soft lists is from the long tail."""

from __future__ import annotations

from torch import Tensor

from recval.adapter.rewards.soft.form import soft_form
from recval.adapter.rewards.soft.lists import SoftLists


@soft_form("tail-share")
def soft_tail_share(lists: SoftLists) -> Tensor:
    """Return the share of the soft list that is in the long tail, shape [U]; see the metric for the tail."""
    return lists.mean_of(lists.context.long_tail)
