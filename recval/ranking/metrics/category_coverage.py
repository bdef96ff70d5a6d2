"""category-coverage[field]@K: how many of the categories a list shows."""

from __future__ import annotations

import numpy as np

from recval.ranking.lists import RankedLists
from recval.ranking.metrics.metric import PerUser, metric


@metric("category-coverage", parameters=("item field",))
def category_coverage(lists: RankedLists, field: str) -> PerUser:
    r"""Return :math:`|\bigcup_{i \in L_u} C_i| / |C|`, the share of all categories that the list holds, in [0, 1].

    Longer lists hold more: compare at one K only. 0 for an empty list; NaN where no item has a category.

    Source: the subtopic recall of Zhai, Cohen and Lafferty, "Beyond independent relevance", SIGIR 2003, over all
    categories of the catalogue.
    """
    categories = lists.context.categories(field)
    listed = lists.matrix @ categories
    if categories.shape[1] == 0:
        return np.full(len(lists.users), np.nan)
    return np.asarray((listed > 0).sum(axis=1)).ravel() / categories.shape[1]
