"""mrr@K: how early the first hit comes."""

from __future__ import annotations

import numpy as np

from recval.ranking.lists import RankedLists
from recval.ranking.metrics.metric import PerUser, metric


@metric("mrr")
def reciprocal_rank(lists: RankedLists) -> PerUser:
    """Return 1 over the rank of the first hit, 0 without one, in [0, 1]; the mean over users is the MRR.

    Source: Voorhees, "The TREC-8 Question Answering Track Report", 1999; RecBole's `MRR`.
    """
    return np.where(lists.hits.any(axis=1), 1 / (lists.hits.argmax(axis=1) + 1), 0.0)
