"""From predictions to the value of each metric, for each user and for all rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from recval.errors import ConfigError
from recval.ranking.evaluate import Evaluation
from recval.ranking.predictions.metric import PREDICTION_METRICS
from recval.ranking.predictions.table import Predictions


def evaluate_predictions(predictions: Predictions, metrics: Sequence[str]) -> Evaluation:
    """Measure predicted ratings or probabilities.

    Args:
        predictions: predicted and true values.
        metrics: names such as "rmse"; a repeated one counts once.

    Returns:
        `means` holds the value of all rows together, which is not the mean over users; `per_user`, indexed by the
        users' ids, the values of each user's own rows, NaN where they are not defined.

    Raises:
        ConfigError: no metric is named, or one is unknown.
        DataError: the values, or the groups, are not such as a metric needs.
    """
    if not metrics:
        raise ConfigError("no metric is named; name at least one, such as 'rmse'")
    found = {name: PREDICTION_METRICS[name] for name in metrics}
    with_rows = np.unique(predictions.user)
    per_user = {name: metric.per_user(predictions)[with_rows] for name, metric in found.items() if not metric.overall}
    frame = pd.DataFrame(per_user, index=pd.Index(predictions.user_ids[with_rows], name="user"))
    means = {name: metric.of_all(predictions) for name, metric in found.items()}
    return Evaluation(frame, means, coded=False)
