"""ndcg@K: hits, discounted by the logarithm of their rank."""

from __future__ import annotations

import numpy as np

from recval.ranking.lists import RankedLists
from recval.ranking.metrics.metric import PerUser, metric


@metric("ndcg")
def ndcg(lists: RankedLists) -> PerUser:
    r"""Return the discounted gain of the hits over that of the best possible list, in [0, 1].

    .. math:: \frac{\sum_{r=1}^{K} [i_r \in T_u] / \log_2(r + 1)}{\sum_{r=1}^{\min(|T_u|, K)} 1 / \log_2(r + 1)}

    The gain is binary: a held-out item counts 1, whatever its rating.

    Source: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002; RecBole's `NDCG`.
    """
    discounts = 1 / np.log2(np.arange(2, lists.k + 2))
    # Both are summed from the first rank on, so that a perfect list gives exactly 1 and none gives more.
    gain = np.where(lists.hits, discounts, 0.0).cumsum(axis=1)[:, -1]
    return gain / discounts.cumsum()[np.minimum(lists.relevant, lists.k) - 1]
