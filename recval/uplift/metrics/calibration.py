"""Is predicted uplift right in size? Rows are binned by it, and each bin's mean is compared with what was observed.

How to choose: look at the table; the expected uplift calibration error is its summary, the mean distance of prediction
and observation over bins, weighted by rows. When not to use: to compare models on few buyers, since the error of a
perfect model is not 0 but that of its bins' observed means (see `standard_error`); and it says nothing of ranking.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from recval.uplift.metrics.ranking import Ranking, down_to, sums_at


def calibration_table(
    uplift: npt.ArrayLike, treated: npt.ArrayLike, response: npt.ArrayLike, *, bins: int = 10
) -> pd.DataFrame:
    """Return predicted and observed uplift by quantile bin of the prediction, the highest first.

    Args:
        uplift: predicted uplift, finite, shape [n].
        treated: booleans, or 0 and 1, shape [n].
        response: the outcome, finite, shape [n].
        bins: how many bins; rows with the same prediction stay together, so there may be fewer.

    Returns:
        One row a bin: `rows`, `predicted` (mean), `observed` (difference of the arms' means; NaN where one has no
        row) and its `standard_error` (NaN where an arm has fewer than two rows).

    Raises:
        DataError: the lengths differ, a value is not finite, `treated` is not 0 or 1, or an arm has no row.
    """
    ranking = Ranking.of(uplift, treated, response)
    ends = ranking.ends[ranking.bucket_points(bins)]
    within = sums_at(ends, ranking.treated, ranking.response).steps()
    # Squares are taken about the mean of all, so that large responses of small spread lose no digits.
    about = ranking.response - ranking.response.mean()
    first, second = (sums_at(ends, ranking.treated, about**power).steps() for power in (1, 2))
    observed, error = np.zeros(len(ends)), np.zeros(len(ends))
    for sign, count, total, centred, squares in (
        (1, within.treated, within.treated_response, first.treated_response, second.treated_response),
        (-1, within.control, within.control_response, first.control_response, second.control_response),
    ):
        n = np.where(count > 0, count, np.nan)
        variance = np.maximum(squares - centred**2 / n, 0.0) / np.where(count > 1, count - 1, np.nan)
        observed += sign * total / n
        error += variance / n
    rows = np.diff(ends, prepend=0)
    predicted = np.diff(down_to(ends, ranking.score), prepend=0.0) / rows
    return pd.DataFrame({"rows": rows, "predicted": predicted, "observed": observed, "standard_error": np.sqrt(error)})


def calibration_error(
    uplift: npt.ArrayLike, treated: npt.ArrayLike, response: npt.ArrayLike, *, bins: int = 10
) -> float:
    """Return the expected uplift calibration error (EUCE), in the unit of the response, at least 0.

    Bins in which an arm has no row are left out. Arguments and errors are those of `calibration_table`.
    """
    table = calibration_table(uplift, treated, response, bins=bins).dropna(subset="observed")
    if table.empty:
        return float("nan")
    return float(np.average((table["predicted"] - table["observed"]).abs(), weights=table["rows"]))
