"""Clusters of users or items by what they met: k-means on a truncated singular value decomposition."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import svds

from recval.data import Interactions
from recval.data.interactions import Codes
from recval.rng import derive, numpy_generator

_FACTORS = 16


def clusters_of(train: Interactions, side: Literal["user", "item"], number: int, seed: int) -> Codes:
    """Return the cluster of each user, or of each item, shape [n]; some clusters may be empty.

    The rows of the matrix of ones are scaled by the root of the numbers of interactions of their user and of their
    item, as in spectral clustering, so that neither the active nor the popular make up clusters for themselves; their
    vectors have length 1.

    Args:
        train: the interactions; a pair counts once.
        side: what is clustered.
        number: how many clusters; no more than there are users, or items.
        seed: what the start of both steps derives from.
    """
    from sklearn.cluster import KMeans

    matrix = _scaled(train)
    vectors = _vectors(matrix if side == "user" else matrix.T.tocsr(), seed)
    number = min(number, len(vectors))
    kmeans = KMeans(number, n_init=1, random_state=derive(seed, "k-means") % 2**32)
    with warnings.catch_warnings():
        # Fewer distinct users than clusters leave some clusters empty, which is said above.
        warnings.simplefilter("ignore")
        return kmeans.fit_predict(vectors).astype(np.int64)


def _scaled(train: Interactions) -> sparse.csr_array:
    shape = len(train.users), len(train.items)
    matrix = sparse.csr_array((np.ones(len(train)), (train.user, train.item)), shape=shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    users, items = (np.maximum(matrix.sum(axis=axis), 1) ** -0.5 for axis in (1, 0))
    return sparse.csr_array(sparse.diags_array(users) @ matrix @ sparse.diags_array(items))


def _vectors(matrix: sparse.csr_array, seed: int) -> np.ndarray:
    """Return a vector of length 1 for each row, or zeros where the row is empty."""
    factors = min(_FACTORS, min(matrix.shape) - 1)
    if factors < 1:
        return matrix.toarray()
    start = numpy_generator(seed, "singular vectors").random(min(matrix.shape))
    left, values, _ = svds(matrix, k=factors, v0=start)
    vectors = left * values
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 1e-9)
