"""Metrics of predicted ratings and probabilities, one a file.

    predictions = Predictions.from_frame(frame, truth="rating", predicted="prediction", group="gender")
    evaluate_predictions(predictions, ["rmse", "value-unfairness"]).means

How to choose: `rmse` or `mae` for ratings; `logloss` where probabilities are used as such; `auc` where only their order
is, `gauc` where only the order within a user is. The five of fairness compare two groups of users: `value-unfairness`
and its kin look at errors, `non-parity` at predictions alone. When not to use: to compare lists of recommendations;
a model that predicts ratings well may still rank badly (Cremonesi, Koren and Turrin, RecSys 2010).
"""

from recval.ranking.predictions.absolute_unfairness import absolute_unfairness
from recval.ranking.predictions.auc import auc
from recval.ranking.predictions.evaluate import evaluate_predictions
from recval.ranking.predictions.gauc import gauc
from recval.ranking.predictions.logloss import logloss
from recval.ranking.predictions.mae import mae
from recval.ranking.predictions.metric import PREDICTION_METRICS, PredictionMetric, prediction_metric
from recval.ranking.predictions.non_parity import non_parity
from recval.ranking.predictions.overestimation_unfairness import overestimation_unfairness
from recval.ranking.predictions.rmse import rmse
from recval.ranking.predictions.table import Predictions
from recval.ranking.predictions.underestimation_unfairness import underestimation_unfairness
from recval.ranking.predictions.value_unfairness import value_unfairness

__all__ = [
    "PREDICTION_METRICS",
    "PredictionMetric",
    "Predictions",
    "absolute_unfairness",
    "auc",
    "evaluate_predictions",
    "gauc",
    "logloss",
    "mae",
    "non_parity",
    "overestimation_unfairness",
    "prediction_metric",
    "rmse",
    "underestimation_unfairness",
    "value_unfairness",
]
