"""underestimation-unfairness: how differently the groups are underestimated."""

from __future__ import annotations

import numpy as np

from recval.ranking.predictions.metric import prediction_metric
from recval.ranking.predictions.table import Predictions
from recval.ranking.predictions.two_groups import errors_by_item


@prediction_metric("underestimation-unfairness", lower_is_better=True, overall=True)
def underestimation_unfairness(predictions: Predictions) -> float:
    r"""Return the mean difference of how far the groups are underestimated.

    .. math:: \frac{1}{n} \sum_j | \max(0, -e_j) - \max(0, -e'_j) |

    with :math:`e` and :math:`e'` the mean error (prediction minus truth) of item j in the two groups, over the n items
    that both groups have rows of. At least 0, in units of the rating; lower is fairer.
    It matters where missing what a user would like costs most.

    Source: Yao and Huang, "Beyond parity: fairness objectives for collaborative filtering", NIPS 2017.

    Raises:
        DataError: the users are not in exactly two groups, or these have no item in common.
    """
    first, second = errors_by_item(predictions)
    return float(np.abs(np.maximum(0, -first) - np.maximum(0, -second)).mean())
