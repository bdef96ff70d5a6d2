"""map@K: the precision at every hit."""

from __future__ import annotations

import numpy as np

from recval.ranking.lists import RankedLists
from recval.ranking.metrics.metric import PerUser, metric


@metric("map")
def average_precision(lists: RankedLists) -> PerUser:
    r"""Return the precision at each hit's rank, summed and divided by :math:`\min(|T_u|, K)`, in [0, 1].

    .. math:: \frac{1}{\min(|T_u|, K)} \sum_{r=1}^{K} [i_r \in T_u] \, \frac{|H_u^{(r)}|}{r}

    A list that begins with all that it could hold reaches 1. Libraries that divide by :math:`|T_u|`, such as ranx,
    give less where more than K items are held out. The mean over users is the MAP.

    Source: RecBole's `MAP`, after the Million Song Dataset Challenge (McFee et al., WWW 2012).
    """
    precision = lists.hits.cumsum(axis=1) / np.arange(1, lists.k + 1)
    return np.where(lists.hits, precision, 0.0).sum(axis=1) / np.minimum(lists.relevant, lists.k)
