"""rmse: the root of the mean squared error."""

from __future__ import annotations

import numpy as np

from recval.ranking.predictions.metric import prediction_metric
from recval.ranking.predictions.table import Floats, Predictions


@prediction_metric("rmse", lower_is_better=True)
def rmse(predictions: Predictions) -> Floats:
    r"""Return :math:`\sqrt{\frac{1}{n} \sum (\hat r - r)^2}`, at least 0, in units of the rating.

    Large errors weigh more than in `mae`.

    Source: Herlocker et al., "Evaluating collaborative filtering recommender systems", TOIS 2004; RecBole's `RMSE`.
    """
    return np.sqrt(predictions.user_mean((predictions.predicted - predictions.truth) ** 2))
