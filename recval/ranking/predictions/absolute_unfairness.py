"""absolute-unfairness: how differently large the groups' errors are."""

from __future__ import annotations

import numpy as np

from recval.ranking.predictions.metric import prediction_metric
from recval.ranking.predictions.table import Predictions
from recval.ranking.predictions.two_groups import errors_by_item


@prediction_metric("absolute-unfairness", lower_is_better=True, overall=True)
def absolute_unfairness(predictions: Predictions) -> float:
    r"""Return the mean difference of the sizes of the groups' errors.

    .. math:: \frac{1}{n} \sum_j \big| |e_j| - |e'_j| \big|

    with :math:`e` and :math:`e'` the mean error (prediction minus truth) of item j in the two groups, over the n items
    that both groups have rows of. At least 0, in units of the rating; lower is fairer.
    Errors of opposite sign cancel: only how well each group is served counts.

    Source: Yao and Huang, "Beyond parity: fairness objectives for collaborative filtering", NIPS 2017.

    Raises:
        DataError: the users are not in exactly two groups, or these have no item in common.
    """
    first, second = errors_by_item(predictions)
    return float(np.abs(np.abs(first) - np.abs(second)).mean())
