"""What parity metrics of item groups share: how unequal the groups' chances are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def relative_deviation(events: npt.NDArray[np.float64], chances: npt.NDArray[np.float64]) -> float:
    """Return the standard deviation over the mean of events / chances, groups without a chance left out.

    Args:
        events: how often each group was chosen, shape [G].
        chances: how often it could have been, shape [G].
    """
    rates = events[chances > 0] / chances[chances > 0]
    return float(rates.std() / rates.mean()) if rates.any() else float("nan")
