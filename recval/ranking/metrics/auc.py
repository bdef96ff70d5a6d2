"""auc: how often a held-out item stands above another one, in the whole ranking."""

from __future__ import annotations

import numpy as np

from recval.ranking.metrics.metric import PerUser, metric
from recval.ranking.ranks import Ranks


@metric("auc", whole_ranking=True)
def auc(ranks: Ranks) -> PerUser:
    r"""Return the share of pairs (held-out item, other unseen item) in the right order, in [0, 1]; 0.5 is chance.

    .. math:: \frac{P (C + 1) - P (P + 1) / 2 - \sum_{i \in T_u} r_i}{P (C - P)}

    with C the unseen items, P the held-out ones among them, and :math:`r_i` their ranks; equal scores share the mean
    of their ranks, so such a pair counts one half. NaN where no item is left to compare with. Ranks far down weigh as
    much as those at the top, which no user sees: prefer `ndcg` to compare recommendations.

    Source: Hanley and McNeil, Radiology 1982; Rendle et al., "BPR", UAI 2009.
    """
    positives, candidates = ranks.relevant, ranks.candidates
    pairs = positives * (candidates - positives)
    right = positives * (candidates + 1) - positives * (positives + 1) / 2 - ranks.rank_sum
    return np.divide(right, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
