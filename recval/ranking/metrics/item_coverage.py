"""item-coverage@K: how much of the catalogue is recommended to anybody."""

from __future__ import annotations

import numpy as np

from recval.ranking.lists import RankedLists
from recval.ranking.metrics.metric import metric


@metric("item-coverage", overall=True)
def item_coverage(lists: RankedLists) -> float:
    r"""Return :math:`|\bigcup_u L_u| / |I|`, the share of all items that are in some list, in [0, 1].

    All items of the catalogue count, those without a training interaction too. It grows with the number of users:
    compare models on the same ones.

    Source: Ge, Delgado-Battenfeld and Jannach, "Beyond accuracy", RecSys 2010; RecBole's `ItemCoverage`, which counts
    its padding as one more item.
    """
    return np.count_nonzero(lists.sum_by_item(1)) / lists.context.n_items
