"""gini@K: how unevenly recommendations fall on items."""

from __future__ import annotations

import numpy as np

from recval.ranking.lists import RankedLists
from recval.ranking.metrics.metric import metric


@metric("gini", overall=True, lower_is_better=True)
def gini(lists: RankedLists) -> float:
    r"""Return the Gini index of the items' recommendation counts, in [0, 1): 0 if all are recommended equally often.

    .. math:: \frac{\sum_{i=1}^{|I|} (2 i - |I| - 1) \, c_{(i)}}{|I| \sum_i c_{(i)}}

    with the counts in rising order; items that are never recommended count as 0. Lower is better: as a reward it is
    negated. NaN where nothing is recommended.

    Source: Gini, Variabilità e mutabilità, 1912; RecBole's `GiniIndex`, which counts its padding as one more item.
    """
    counts = np.sort(lists.sum_by_item(1))
    n, total = len(counts), counts.sum()
    return float((2 * np.arange(1, n + 1) - n - 1) @ counts / (n * total)) if total else float("nan")
