"""How good values are: whether low ones find labelled noise, and whether several estimates of the same values agree.

AUROC is the chance that a random true interaction is valued above a random false one, ties counting half: 0.5 is
chance, below it the order is the wrong way about. AUPRC is the average precision of calling the lowest values noise;
its chance level is the share of noise. What agrees need not be right: a count of interactions agrees with itself.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recval.data import Split


def noise_of(split: Split) -> npt.NDArray[np.bool_] | None:
    """Return which training interactions are labelled noise; None where none are, or all, or there are no labels."""
    if "label" not in split.train.table.column_names:
        return None
    false = split.train.column("label") == 0
    return false if 0 < false.sum() < len(false) else None


def auroc(noise: npt.NDArray[np.bool_], values: npt.ArrayLike) -> float:
    """Return the area under the receiver operating characteristic, in [0, 1]; noise is positive, and low its sign."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(noise, -np.asarray(values)))


def auprc(noise: npt.NDArray[np.bool_], values: npt.ArrayLike) -> float:
    """Return the average precision, in (0, 1]; noise is positive, and low its sign; equal values are found at once."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(noise, -np.asarray(values)))


def pairwise_spearman(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return Spearman's correlation of every two rows, in [-1, 1]; NaN where one of them is constant.

    Args:
        values: several estimates of the same n values, shape [k, n], k at least 2.

    Returns:
        The correlations of the pairs (0, 1), (0, 2), …, (1, 2), …, shape [k (k - 1) / 2].
    """
    from scipy.stats import rankdata

    ranks = rankdata(values, axis=1)
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    length = np.sqrt((centred**2).sum(axis=1))
    safe = np.where(length > 0, length, np.nan)
    correlation = (centred / safe[:, None]) @ (centred / safe[:, None]).T
    return correlation[np.triu_indices(len(values), 1)].clip(-1, 1)
