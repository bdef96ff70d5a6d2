"""intra-list-distance[vectors]@K: how different the items of a list are."""

from __future__ import annotations

import numpy as np

from recval.ranking.lists import RankedLists
from recval.ranking.metrics.metric import PerUser, metric


@metric("intra-list-distance", parameters=("item vectors",))
def intra_list_distance(lists: RankedLists, vectors: str) -> PerUser:
    r"""Return the mean of 1 - cosine over all pairs of items in the list.

    .. math:: 1 - \frac{2}{n (n - 1)} \sum_{i < j} \cos(v_i, v_j)

    In [0, 1] over categories, where :math:`v_i` has a 1 for each category of item i, and in [0, 2] over other vectors:
    an item field of lists of floats, or vectors given to the `Evaluator` by name. Items without a category, or with
    a vector of zeros, are left out; NaN where fewer than two items are left.

    Source: Ziegler et al., "Improving recommendation lists through topic diversification", WWW 2005 (whose
    intra-list similarity is a sum of cosines); Zhang and Hurley, RecSys 2008 (mean dissimilarity).
    """
    directions = lists.context.directions(vectors)
    known = np.asarray((directions * directions).sum(axis=1) > 0).ravel().astype(float)
    total = lists.matrix @ directions
    # The squared length of a sum of n unit vectors is n, and twice the cosine of each pair.
    squared = np.asarray((total * total).sum(axis=1)).ravel()
    n = lists.matrix @ known
    cosine = np.divide(squared - n, n * (n - 1), out=np.full(len(n), np.nan), where=n > 1)
    return np.clip(1 - cosine, 0.0, 2.0)
