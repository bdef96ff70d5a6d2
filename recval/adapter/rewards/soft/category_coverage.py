"""soft-category-coverage[field]@K: how many of the categories a soft list shows."""

from __future__ import annotations

from torch import Tensor

from recval.adapter.rewards.soft.form import soft_form
from recval.adapter.rewards.soft.lists import SoftLists


@soft_form("category-coverage")
def soft_category_coverage(lists: SoftLists, field: str) -> Tensor:
    r"""Return :math:`\frac{1}{|C|} \sum_c (1 - \prod_{i \in c} (1 - m_{ui}))`, shape [U]; NaN without categories.

    It is the expected coverage of a list in which each item is, independently, with the probability of its membership.
    """
    categories = lists.context.categories(field)[lists.items].to(lists.membership)
    return -(lists.log_absence[:, None] @ categories).squeeze(1).expm1().mean(1)
