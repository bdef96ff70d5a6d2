"""hit@K: whether anything held out was found."""

from __future__ import annotations

from recval.ranking.lists import RankedLists
from recval.ranking.metrics.metric import PerUser, metric


@metric("hit")
def hit_rate(lists: RankedLists) -> PerUser:
    """Return 1 where a held-out item is in the list, else 0; the mean over users is the hit rate.

    Source: Deshpande and Karypis, "Item-based top-N recommendation algorithms", TOIS 2004; RecBole's `Hit`.
    """
    return lists.hits.any(axis=1).astype(float)
