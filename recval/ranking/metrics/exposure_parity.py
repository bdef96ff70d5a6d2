"""exposure-parity[field]@K: whether items of all groups are shown as prominently."""

from __future__ import annotations

import numpy as np

from recval.ranking.lists import RankedLists
from recval.ranking.metrics.metric import metric


@metric("exposure-parity", overall=True, parameters=("item field",))
def exposure_parity(lists: RankedLists, field: str) -> float:
    r"""Return the exposure of the least exposed item group over that of the most exposed one, in [0, 1]; 1 is parity.

    .. math:: e_g = \frac{1}{|G_g|} \sum_{u} \sum_{i \in L_u \cap G_g} \frac{1}{\log_2(1 + r_{ui})}

    The exposure of a group is the mean over its items in the whole catalogue. An item of several categories is in
    several groups; NaN where nothing is recommended. A single tiny group decides it: prefer fields of few values.

    Source: Singh and Joachims, "Fairness of exposure in rankings", KDD 2018 (demographic parity).
    """
    categories = lists.context.categories(field)
    exposure = lists.sum_by_item(1 / np.log2(np.arange(2, lists.k + 2))) @ categories
    means = exposure / np.asarray(categories.sum(axis=0)).ravel()
    return float(means.min() / means.max()) if len(means) and means.max() > 0 else float("nan")
