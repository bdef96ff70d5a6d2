"""soft-novelty@K: how surprising the items of soft lists are."""

from __future__ import annotations

from torch import Tensor

from recval.adapter.rewards.soft.form import soft_form
from recval.adapter.rewards.soft.lists import SoftLists


@soft_form("novelty")
def soft_novelty(lists: SoftLists) -> Tensor:
    """Return the mean self-information of the soft list's items, in bits, shape [U]; see the metric."""
    return lists.mean_of((lists.context.n_train_users / lists.context.popularity.clamp(min=1)).log2())
