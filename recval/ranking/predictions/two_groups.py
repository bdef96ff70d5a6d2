"""What metrics of fairness share: means of truth and prediction, by item, in two groups of users."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recval.errors import DataError
from recval.ranking.predictions.table import Floats, Predictions


def row_groups(predictions: Predictions) -> npt.NDArray[np.int64]:
    """Return 0 or 1 for the group of each row's user, -1 where it has none, shape [n].

    Raises:
        DataError: the users are not in exactly two groups.
    """
    if predictions.group is None:
        raise DataError("unfairness is between two groups of users; name the column of the groups with group=")
    codes = predictions.group[predictions.user]
    present = np.unique(codes[codes >= 0])
    if len(present) != 2:
        raise DataError(f"unfairness is between two groups of users; the rows are of {len(present)}")
    return np.where(codes < 0, -1, np.searchsorted(present, codes))


def errors_by_item(predictions: Predictions) -> tuple[Floats, Floats]:
    """Return the mean prediction minus the mean truth of each item, in the first and in the second group.

    Only of items that both groups have rows of, each of shape [number of such items].

    Raises:
        DataError: the users are not in exactly two groups, or these have no item in common.
    """
    group = row_groups(predictions)
    n_items = int(predictions.item.max()) + 1
    errors = predictions.predicted - predictions.truth
    means, known = [], np.ones(n_items, bool)
    for side in (0, 1):
        rows = group == side
        counts = np.bincount(predictions.item[rows], minlength=n_items)
        sums = np.bincount(predictions.item[rows], errors[rows], minlength=n_items)
        known &= counts > 0
        means.append(sums / np.maximum(counts, 1))
    if not known.any():
        raise DataError("no item has rows of both groups of users; unfairness compares the groups item by item")
    return means[0][known], means[1][known]
