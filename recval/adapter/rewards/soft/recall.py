"""soft-recall@K: how much of what is held out is in the soft list."""

from __future__ import annotations

from torch import Tensor

from recval.adapter.rewards.soft.form import soft_form
from recval.adapter.rewards.soft.lists import SoftLists


@soft_form("recall")
def soft_recall(lists: SoftLists) -> Tensor:
    r"""Return :math:`\sum_{i \in T_u} m_{ui} / |T_u|`, shape [U]."""
    return lists.hit_membership / lists.relevant
