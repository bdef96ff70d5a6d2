"""novelty@K: how surprising the recommended items are."""

from __future__ import annotations

import numpy as np

from recval.ranking.lists import RankedLists
from recval.ranking.metrics.metric import PerUser, metric


@metric("novelty")
def novelty(lists: RankedLists) -> PerUser:
    r"""Return the mean self-information :math:`\log_2(N / \max(n_i, 1))` of the list's items, in bits.

    :math:`n_i` of N training users know item i. An item that nobody knows counts as if one did, so that values stay
    finite: from 0 to :math:`\log_2 N`. NaN for an empty list. Items chosen at random are novel too: read it beside
    accuracy.

    Source: Zhou et al., "Solving the apparent diversity-accuracy dilemma of recommender systems", PNAS 2010.
    """
    known_by = np.maximum(lists.context.popularity, 1)
    return lists.mean_of(np.log2(lists.context.n_train_users / known_by))
