"""precision@K: how much of the list was wanted."""

from __future__ import annotations

from recval.ranking.lists import RankedLists
from recval.ranking.metrics.metric import PerUser, metric


@metric("precision")
def precision(lists: RankedLists) -> PerUser:
    """Return :math:`|H_u| / K`, the hits over the length of the list, in [0, 1].

    K is the cut-off also where a user's list ended earlier.

    Source: van Rijsbergen, Information Retrieval, 1979, chapter 7; RecBole's `Precision`.
    """
    return lists.hits.sum(axis=1) / lists.k
