"""What a trained uplift model predicts for customers, all of it in one pass through its networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from recval.uplift.checks import Floats
from recval.uplift.fitted import Fitted, uplift_of
from recval.uplift.training.members import expected_responses

Features = pd.DataFrame | ArrayLike


@dataclass(frozen=True)
class Prediction:
    """What is predicted for n customers, in the unit of the response.

    Attributes:
        responses: the expected response under every arm, the control first, not calibrated, shape [n, A + 1].
        uplift: of every treatment, calibrated where that was asked for, shape [n, A].
        std: the standard deviation of the members' calibrated uplift, shape [n, A]; None where there is one member.
    """

    responses: Floats
    uplift: Floats
    std: Floats | None


def predict(fitted: Fitted, features: Features) -> Prediction:
    """Return the mean of the members' predictions, and how far they disagree.

    Raises:
        DataError: a column is missing, or holds text where it held numbers in training.
    """
    each = expected_responses(fitted.members, fitted.encoder.encode(features))
    responses = each.mean(axis=0)
    spread = None if len(each) < 2 else np.std([_calibrated(fitted, uplift_of(own)) for own in each], axis=0, ddof=1)
    return Prediction(responses, _calibrated(fitted, uplift_of(responses)), spread)


def _calibrated(fitted: Fitted, uplift: Floats) -> Floats:
    return uplift if fitted.calibrator is None or not len(uplift) else fitted.calibrator(uplift)
