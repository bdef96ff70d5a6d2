"""gauc: the AUC within each user, weighted by the number of rows."""

from __future__ import annotations

import numpy as np

from recval.ranking.predictions.auc import auc
from recval.ranking.predictions.metric import prediction_metric
from recval.ranking.predictions.table import Predictions


@prediction_metric("gauc", overall=True)
def gauc(predictions: Predictions) -> float:
    r"""Return :math:`\sum_u n_u AUC_u / \sum_u n_u`, in [0, 1]; users whose labels are all equal are left out.

    :math:`n_u` is the number of the user's rows (impressions). Unlike `auc`, it does not reward a model for knowing
    which users like more of what they see. For the values of users ask for `auc`.

    Source: Zhou et al., "Deep Interest Network for click-through rate prediction", KDD 2018. RecBole's `GAUC` weighs
    users by their positive rows instead, and is of rankings: see `recval.ranking.metrics.gauc`.

    Raises:
        DataError: a label is neither 0 nor 1.
    """
    values = auc.per_user(predictions)
    defined = np.isfinite(values)
    counts = np.bincount(predictions.user, minlength=predictions.n_users)
    return float(np.average(values[defined], weights=counts[defined])) if defined.any() else float("nan")
