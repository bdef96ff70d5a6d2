"""Cross-fitting: each row's prediction comes from a model that was fitted on other rows.

Without it the errors of a nuisance model (of the propensity, of the outcome) go with the noise of the very rows that
it was fitted on, and doubly robust effects are biased, with standard errors too small.

Reference: Chernozhukov et al., "Double/debiased machine learning for treatment and structural parameters", 2018.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from recval.errors import ConfigError, DataError
from recval.rng import derive
from recval.uplift.checks import Ints
from recval.uplift.features import FeatureEncoder

_MOST_CATEGORIES = 50

Fold = tuple[Ints, Ints]
"""The rows to fit on and the rows to predict."""


def design_matrix(features: pd.DataFrame | npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Return features as numbers for scikit-learn, shape [n, d], all finite.

    Numbers are standardised, and a missing one is the mean beside an indicator; categories are one-hot, the rarest
    beyond 50 together.

    Raises:
        DataError: the features cannot be encoded.
    """
    from sklearn.preprocessing import OneHotEncoder

    encoded = FeatureEncoder.fit(features).encode(features)
    if not encoded.codes.shape[1]:
        return encoded.numeric
    one_hot = OneHotEncoder(max_categories=_MOST_CATEGORIES, sparse_output=False, dtype=np.float32)
    return np.hstack([encoded.numeric, one_hot.fit_transform(encoded.codes)])


def stratified_folds(arm: Ints, folds: int, seed: int) -> Iterator[Fold]:
    """Yield the rows to fit on and those to predict, for each fold; every arm is spread evenly over the folds.

    Raises:
        ConfigError: there are fewer than two folds.
        DataError: an arm has fewer rows than there are folds.
    """
    from sklearn.model_selection import StratifiedKFold

    if folds < 2:
        raise ConfigError(f"cross-fitting needs folds of 2 or more. Got {folds} instead")
    codes, rows = np.unique(arm, return_counts=True)
    if rows.min() < folds:
        raise DataError(
            f"arm {codes[rows.argmin()]} has {rows.min()} rows, fewer than the {folds} folds: take fewer folds, or "
            f"leave this arm out"
        )
    state = derive(seed, "folds") % 2**32
    yield from StratifiedKFold(folds, shuffle=True, random_state=state).split(np.zeros(len(arm)), arm)


@contextmanager
def own_threads() -> Iterator[None]:
    """Let scikit-learn compute with as many threads as torch does, which is what an executor sets in its workers.

    On its own it takes all cores, in each of several processes.
    """
    import torch

    with threadpool_limits(torch.get_num_threads(), user_api="openmp"):
        yield
