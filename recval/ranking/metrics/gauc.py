"""gauc: the AUC of each user, weighted by the number of held-out items."""

from __future__ import annotations

import numpy as np

from recval.ranking.metrics.auc import auc
from recval.ranking.metrics.metric import metric
from recval.ranking.ranks import Ranks


@metric("gauc", overall=True, whole_ranking=True)
def gauc(ranks: Ranks) -> float:
    r"""Return :math:`\sum_u P_u AUC_u / \sum_u P_u`, in [0, 1]; users without a defined AUC are left out.

    :math:`P_u` is the number of held-out items that are ranked; see `auc`, which has the values of users.

    Source: Zhou et al., "Deep Interest Network", KDD 2018, with held-out items for impressions, as
    RecBole's `GAUC`. That one counts items which the model scores -inf as if they were not there; here they rank last.
    """
    values = auc.function(ranks)
    defined = np.isfinite(values)
    return float(np.average(values[defined], weights=ranks.relevant[defined])) if defined.any() else float("nan")
