"""How near predicted uplift is to the true one, where that is known: for simulated customers.

How to choose: `spearman` and `oracle_qini` for ranking, the latter in money and weighted by its size; `pehe` and
`mean_bias` for size. When not to use: on real data; the truth of one customer is never seen there.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recval.errors import DataError
from recval.uplift.checks import Floats
from recval.uplift.metrics.curves import effect_curve
from recval.uplift.metrics.ranking import finite


def pehe(uplift: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Return the root of the mean squared error, "precision in estimation of heterogeneous effects" (Hill, 2011).

    Args:
        uplift: predicted uplift, finite, shape [n].
        truth: true uplift, finite, shape [n].

    Raises:
        DataError: the lengths differ, or a value is not finite.
    """
    predicted, true = _both(uplift, truth)
    return float(np.sqrt(np.mean((predicted - true) ** 2)))


def mean_bias(uplift: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Return the mean of predicted less true uplift; arguments and errors are those of `pehe`."""
    predicted, true = _both(uplift, truth)
    return float(np.mean(predicted - true))


def spearman(uplift: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Return Spearman's rank correlation, ties at their mean rank; NaN where either is constant.

    Arguments and errors are those of `pehe`.
    """
    from scipy.stats import rankdata

    ranks = [rankdata(side) - (len(side) + 1) / 2 for side in _both(uplift, truth)]
    norm = np.sqrt(np.sum(ranks[0] ** 2) * np.sum(ranks[1] ** 2))
    return float(np.sum(ranks[0] * ranks[1]) / norm) if norm > 0 else float("nan")


def oracle_qini(uplift: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Return the gain over random of the ranking by `uplift`, divided by that of the ranking by the truth.

    1 is only reached by an order of the truth, 0 by a random one, -1 by the reverse; NaN where the truth is constant.
    Arguments and errors are those of `pehe`.
    """
    predicted, true = _both(uplift, truth)
    gained, possible = (_over_random(score, true) for score in (predicted, true))
    return gained / possible if possible > 0 else float("nan")


def _over_random(score: Floats, truth: Floats) -> float:
    curve = effect_curve(score, truth)
    return float(curve.area() - curve.total / 2)


def _both(uplift: npt.ArrayLike, truth: npt.ArrayLike) -> tuple[Floats, Floats]:
    predicted, true = finite("uplift", uplift), finite("truth", truth)
    if len(predicted) != len(true):
        raise DataError(f"uplift and truth must be of equal length, got {len(predicted)} and {len(true)}")
    return predicted, true
