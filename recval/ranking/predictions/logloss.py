"""logloss: the negative log-likelihood of labels under predicted probabilities."""

from __future__ import annotations

import numpy as np
from scipy.special import xlogy

from recval.errors import DataError
from recval.ranking.predictions.metric import prediction_metric
from recval.ranking.predictions.table import Floats, Predictions

_EPSILON = 1e-15


@prediction_metric("logloss", lower_is_better=True)
def logloss(predictions: Predictions) -> Floats:
    r"""Return :math:`-\frac{1}{n} \sum y \ln p + (1 - y) \ln (1 - p)`, at least 0, in nats.

    Probabilities are kept from 0 and 1 by 1e-15, so one that is certain and wrong costs 34.5. It needs probabilities:
    scores of a ranking model are none.

    Source: Good, "Rational decisions", JRSS B 1952; RecBole's `LogLoss`, with the same 1e-15.

    Raises:
        DataError: a label is neither 0 nor 1, or a prediction is not in [0, 1].
    """
    p, labels = predictions.predicted, predictions.labels
    bad = (p < 0) | (p > 1)
    if bad.any():
        at = int(bad.argmax())
        raise DataError(f"logloss needs probabilities from 0 to 1, found {p[at]:g} in row {at}; apply a sigmoid first")
    p = np.clip(p, _EPSILON, 1 - _EPSILON)
    return predictions.user_mean(-xlogy(labels, p) - xlogy(~labels, 1 - p))
