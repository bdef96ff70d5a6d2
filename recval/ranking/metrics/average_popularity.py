"""average-popularity@K: how popular the recommended items are."""

from __future__ import annotations

from recval.ranking.lists import RankedLists
from recval.ranking.metrics.metric import PerUser, metric


@metric("average-popularity", lower_is_better=True)
def average_popularity(lists: RankedLists) -> PerUser:
    """Return the mean number of training interactions of the list's items, at least 0; NaN for an empty list.

    Lower is better only in the sense of less popularity bias: a random recommender has less than a good one.

    Source: Yin et al., "Challenging the long tail recommendation", VLDB 2012; RecBole's `AveragePopularity`.
    """
    return lists.mean_of(lists.context.popularity)
