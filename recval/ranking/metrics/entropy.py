"""entropy@K: how evenly recommendations spread over items."""

from __future__ import annotations

from scipy.special import entr

from recval.ranking.lists import RankedLists
from recval.ranking.metrics.metric import metric


@metric("entropy", overall=True)
def entropy(lists: RankedLists) -> float:
    r"""Return :math:`-\sum_i p_i \ln p_i`, with :math:`p_i` item i's share of all recommendations, in nats.

    From 0, where one item is all that is recommended, to :math:`\ln |I|`. NaN where nothing is recommended.

    Source: Shannon, "A mathematical theory of communication", 1948; as a measure of diversity, Adomavicius and Kwon,
    TKDE 2012. RecBole's `ShannonEntropy` divides this further by the number of different items that are recommended,
    which makes a wider spread look worse.
    """
    counts = lists.sum_by_item(1)
    total = counts.sum()
    return float(entr(counts / total).sum()) if total else float("nan")
