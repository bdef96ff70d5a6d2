"""equal-opportunity[field]@K: whether held-out items of all groups have the same chance to be found."""

from __future__ import annotations

import numpy as np

from recval.ranking.lists import RankedLists
from recval.ranking.metrics.disparity import relative_deviation
from recval.ranking.metrics.metric import metric


@metric("equal-opportunity", overall=True, lower_is_better=True, parameters=("item field",))
def equal_opportunity(lists: RankedLists, field: str) -> float:
    r"""Return the standard deviation over the mean of the item groups' recalls; 0 is equal opportunity.

    .. math:: p_g = \frac{\sum_u |L_u \cap T_u \cap G_g|}{\sum_u |T_u \cap G_g|}

    Groups without a held-out item are left out; an item of several categories is in several groups. From 0 to
    :math:`\sqrt{n - 1}` for n groups; NaN where nothing is found. For groups of users see `group-gap[recall,…]`.

    Source: the ranking-based equal opportunity (REO@K) of Zhu, Wang and Caverlee, "Measuring and mitigating item
    under-recommendation bias in personalized ranking systems", SIGIR 2020.
    """
    context = lists.context
    categories = context.categories(field)
    _, held_out = context.held_out.cells(lists.users)
    relevant = np.bincount(held_out, minlength=context.n_items)
    return relative_deviation(lists.sum_by_item(lists.hits) @ categories, relevant @ categories)
