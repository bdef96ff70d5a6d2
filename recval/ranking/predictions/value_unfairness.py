"""value-unfairness: how differently the groups' ratings are over- or underestimated."""

from __future__ import annotations

import numpy as np

from recval.ranking.predictions.metric import prediction_metric
from recval.ranking.predictions.table import Predictions
from recval.ranking.predictions.two_groups import errors_by_item


@prediction_metric("value-unfairness", lower_is_better=True, overall=True)
def value_unfairness(predictions: Predictions) -> float:
    r"""Return the mean difference of the groups' signed errors.

    .. math:: \frac{1}{n} \sum_j |e_j - e'_j|

    with :math:`e` and :math:`e'` the mean error (prediction minus truth) of item j in the two groups, over the n items
    that both groups have rows of. At least 0, in units of the rating; lower is fairer.
    It grows where one group is overestimated and the other underestimated.

    Source: Yao and Huang, "Beyond parity: fairness objectives for collaborative filtering", NIPS 2017.

    Raises:
        DataError: the users are not in exactly two groups, or these have no item in common.
    """
    first, second = errors_by_item(predictions)
    return float(np.abs(first - second).mean())
