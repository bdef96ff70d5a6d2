"""mae: the mean absolute error."""

from __future__ import annotations

import numpy as np

from recval.ranking.predictions.metric import prediction_metric
from recval.ranking.predictions.table import Floats, Predictions


@prediction_metric("mae", lower_is_better=True)
def mae(predictions: Predictions) -> Floats:
    r"""Return :math:`\frac{1}{n} \sum |\hat r - r|`, at least 0, in units of the rating.

    Source: Herlocker et al., "Evaluating collaborative filtering recommender systems", TOIS 2004; RecBole's `MAE`.
    """
    return predictions.user_mean(np.abs(predictions.predicted - predictions.truth))
