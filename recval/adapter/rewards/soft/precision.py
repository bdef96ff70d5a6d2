"""soft-precision@K: how much of the soft list is held out."""

from __future__ import annotations

from torch import Tensor

from recval.adapter.rewards.soft.form import soft_form
from recval.adapter.rewards.soft.lists import SoftLists


@soft_form("precision")
def soft_precision(lists: SoftLists) -> Tensor:
    r"""Return :math:`\sum_{i \in T_u} m_{ui} / K`, shape [U]."""
    return lists.hit_membership / lists.k
