"""statistical-parity[field]@K: whether items of all groups have the same chance to be recommended."""

from __future__ import annotations

import numpy as np

from recval.ranking.lists import RankedLists
from recval.ranking.metrics.disparity import relative_deviation
from recval.ranking.metrics.metric import metric


@metric("statistical-parity", overall=True, lower_is_better=True, parameters=("item field",))
def statistical_parity(lists: RankedLists, field: str) -> float:
    r"""Return the standard deviation over the mean of the item groups' chances to be recommended; 0 is parity.

    .. math:: p_g = \frac{\sum_u |L_u \cap G_g|}{\sum_u |G_g \setminus S_u|}

    The chance of a group is that of an item of it which the user has not seen, :math:`S_u`. An item of several
    categories is in several groups. From 0 to :math:`\sqrt{n - 1}` for n groups; NaN where nothing is recommended.

    Source: the ranking-based statistical parity (RSP@K) of Zhu, Wang and Caverlee, "Measuring and mitigating item
    under-recommendation bias in personalized ranking systems", SIGIR 2020.
    """
    context = lists.context
    categories = context.categories(field)
    _, seen = context.masked.cells(lists.users)
    unseen = len(lists.users) - np.bincount(seen, minlength=context.n_items)
    return relative_deviation(lists.sum_by_item(1) @ categories, unseen @ categories)
