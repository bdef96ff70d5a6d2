"""What a prediction metric is, and how one is registered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recval.ranking.predictions.table import Predictions
from recval.registry import Registry


@dataclass(frozen=True)
class PredictionMetric:
    """How well values are predicted.

    Attributes:
        name: the name.
        function: from predictions to a value for each user, shape [n_users], NaN where it is not defined; or to one
            number.
        lower_is_better: whether a smaller value is the better one.
        overall: whether the function gives one number.
    """

    name: str
    function: Callable[[Predictions], Any]
    lower_is_better: bool = False
    overall: bool = False

    def per_user(self, predictions: Predictions) -> npt.NDArray[np.float64]:
        """Return the value of each user's rows, shape [n_users]."""
        return np.asarray(self.function(predictions), np.float64)

    def of_all(self, predictions: Predictions) -> float:
        """Return the value of all rows."""
        return float(self.function(predictions) if self.overall else self.function(predictions.pooled())[0])


PREDICTION_METRICS: Registry[PredictionMetric] = Registry("prediction metric")


def prediction_metric(
    name: str, *, lower_is_better: bool = False, overall: bool = False
) -> Callable[[Callable[[Predictions], Any]], PredictionMetric]:
    """Register the decorated function as a prediction metric.

    Raises:
        ConfigError: the name is taken.
    """

    def add(function: Callable[[Predictions], Any]) -> PredictionMetric:
        return PREDICTION_METRICS.register(name)(PredictionMetric(name, function, lower_is_better, overall))

    return add
