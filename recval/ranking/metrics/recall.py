"""recall@K: how much of what was held out was found."""

from __future__ import annotations

from recval.ranking.lists import RankedLists
from recval.ranking.metrics.metric import PerUser, metric


@metric("recall")
def recall(lists: RankedLists) -> PerUser:
    r"""Return :math:`|H_u| / |T_u|`, the hits over all items held out, in [0, 1].

    It is not divided by min(K, \|T_u\|), so a user with more than K held-out items cannot reach 1.

    Source: van Rijsbergen, Information Retrieval, 1979, chapter 7; RecBole's `Recall`.
    """
    return lists.hits.sum(axis=1) / lists.relevant
