"""soft-item-coverage@K: how much of the catalogue is in any soft list."""

from __future__ import annotations

from torch import Tensor

from recval.adapter.rewards.soft.form import soft_form
from recval.adapter.rewards.soft.lists import SoftLists


@soft_form("item-coverage")
def soft_item_coverage(lists: SoftLists) -> Tensor:
    r"""Return :math:`\frac{1}{|I|} \sum_i (1 - \prod_u (1 - m_{ui}))`, a scalar.

    It is the expected coverage of lists in which each item is, independently, with the probability of its membership.
    """
    return -lists.sum_by_item(lists.log_absence).expm1().mean()
