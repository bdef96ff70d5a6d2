"""k-NN Shapley: the exact value of every training point for a classifier of nearest neighbours.

The utility of a coalition is how likely its `k` nearest members make the label of a test point, averaged over test
points: the share of the `k` that have this label (divided by `k` even where there are fewer). No model is trained and
nothing is sampled; it takes a sort of the training points for each test point.

Choose it for features in which near points are alike, such as the embeddings of a model: the values then tell wrong
labels and duplicates cheaply. It says nothing of what the points are worth to another kind of model; values of
coalitions that a model is trained on do, at a high price. For the interactions of a recommender see
`recval.valuation.KNNShapley`.

Reference:
    Jia et al. "Efficient Task-Specific Data Valuation for Nearest Neighbor Algorithms." VLDB 2019, arXiv 1908.08619.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recval.errors import DataError
from recval.games.nearest_neighbours import add_label_values
from recval.games.sums import values_of_sums
from recval.games.values import Values

_DISTANCES_AT_ONCE = 2**19


def knn_shapley(
    x_train: npt.ArrayLike,
    y_train: npt.ArrayLike,
    x_test: npt.ArrayLike,
    y_test: npt.ArrayLike,
    k: int = 5,
    *,
    error: float = 0.0,
) -> Values:
    """Return the Shapley values of training points, each test point an estimate of them.

    Distances are Euclidean; points at the same distance are taken in the order of their rows.

    Args:
        x_train: features of the training points, shape [N, d].
        y_train: their labels, shape [N].
        x_test: features of the test points, shape [M, d].
        y_test: their labels, shape [M].
        k: how many neighbours count.
        error: how far a value may be off; above 0 only the max(k, 1 / error) nearest training points are sorted.

    Returns:
        The values, the column `row` telling the training points; they sum up to the utility of all, with `error` 0.

    Raises:
        DataError: there are no points, shapes do not fit, features are not finite numbers, `k` is below 1 or `error`
            is below 0.
    """
    train, test = (np.asarray(x, np.float64) for x in (x_train, x_test))
    _check(train, test, np.asarray(y_train), np.asarray(y_test), k, error)
    labels, label = _codes(np.asarray(y_train), np.asarray(y_test))
    n, m = len(train), len(test)
    depth = min(n, max(k, math.ceil(1 / error))) if error else n
    # Moved by whole numbers: far from the origin differences would be lost, and whole numbers stay exact.
    shift = np.round(train.mean(axis=0))
    train, test = train - shift, test - shift
    lengths = np.square(train).sum(axis=1)
    total, squares = np.zeros(n), np.zeros(n)
    step = max(1, _DISTANCES_AT_ONCE // n)
    for start in range(0, m, step):
        block = slice(start, start + step)
        distances = test[block] @ train.T
        distances *= -2
        distances += lengths  # Less the square of the distance by what is the same for all training points.
        add_label_values(distances, labels, label[block], k, depth, total, squares)
    return values_of_sums(pa.table({"row": np.arange(n)}), total, squares, m)


def _codes(y_train: npt.NDArray[np.generic], y_test: npt.NDArray[np.generic]) -> tuple[npt.NDArray[np.int64], ...]:
    """Return the labels of both as numbers."""
    _, codes = np.unique(np.concatenate([y_train, y_test]), return_inverse=True)
    return codes[: len(y_train)], codes[len(y_train) :]


def _check(
    train: npt.NDArray[np.float64],
    test: npt.NDArray[np.float64],
    y_train: npt.NDArray[np.generic],
    y_test: npt.NDArray[np.generic],
    k: int,
    error: float,
) -> None:
    for name, x, y in (("training", train, y_train), ("test", test, y_test)):
        if x.ndim != 2 or y.shape != x.shape[:1] or len(x) == 0:
            raise DataError(
                f"the {name} points must have features of shape [n, d] and labels of shape [n], n at least 1, "
                f"found {list(x.shape)} and {list(y.shape)}"
            )
        if not np.isfinite(x).all():
            raise DataError(f"the features of the {name} points must be finite numbers; fill what is missing")
    if train.shape[1] != test.shape[1]:
        raise DataError(
            f"training and test points must have the same features, found {train.shape[1]} and {test.shape[1]}"
        )
    if k < 1:
        raise DataError(f"k must be 1 or more. Got {k} instead")
    if not error >= 0:
        raise DataError(f"error must be 0 or more. Got {error} instead")
