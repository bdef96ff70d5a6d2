r"""Shapley values of the neighbours of one point, exactly, in the time that it takes to sort them.

The game: every training point gives a gain :math:`g`, and a coalition is worth what its :math:`K` nearest members give,

.. math:: v(S) = \frac{1}{K} \sum_{j \text{ among the } \min(K, |S|) \text{ nearest of } S} g_j .

With the points in order of distance, 1 the nearest and :math:`N` the farthest, their Shapley values follow from the far
end:

.. math::
    \phi_N = \frac{g_N}{\max(K, N)}, \qquad
    \phi_i = \phi_{i+1} + \frac{g_i - g_{i+1}}{\max(K, i)} .

A neighbour counts where fewer than :math:`K` nearer ones are in the coalition, which has the probability
:math:`\min(K, i) / i`; so neighbours of equal gain and rank up to :math:`K` have equal values. The second equation is
the first one with a point of gain 0 behind the farthest.

Far neighbours matter little: for gains in [0, 1], :math:`|\phi_i| \leq 1 / i` where :math:`i \geq K`. So with 0 for all
but the :math:`\max(K, \lceil 1 / \epsilon \rceil) - 1` nearest, no value is wrong by more than :math:`\epsilon`.

Reference:
    Jia et al. "Efficient Task-Specific Data Valuation for Nearest Neighbor Algorithms." VLDB 2019, arXiv 1908.08619,
    theorems 1 and 2; their :math:`\min(K, i) / (K i)` is :math:`1 / \max(K, i)`.
"""

# ruff: noqa: ANN001, ANN201, ANN202
# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numpy as np
from numba import njit

_SMALL = 32
"""Buckets of up to this size are sorted by insertion."""


@njit(nogil=True, error_model="numpy")
def neighbour_values(gains, k):
    """Return the Shapley values of the neighbours of one point.

    Args:
        gains: what each neighbour gives, the nearest first, shape [N], float64.
        k: how many neighbours count, at least 1.

    Returns:
        Shape [N], float64; their sum is the worth of all, the mean gain of the nearest over `k`.
    """
    found = np.empty(len(gains))
    value = farther = 0.0
    for i in range(len(gains), 0, -1):
        value += (gains[i - 1] - farther) / max(k, i)
        farther = gains[i - 1]
        found[i - 1] = value
    return found


@njit(nogil=True, error_model="numpy")
def add_label_values(distances, labels, label, k, depth, total, squares):
    """Add, for each of several points, the Shapley values of its neighbours where the gain is 1 for the same label.

    Neighbours at the same distance stand in the order of their rows.

    Args:
        distances: from each point to each neighbour, finite, shape [B, N], float64.
        labels: the neighbours' labels, shape [N], int64.
        label: the points' labels, shape [B], int64.
        k: how many neighbours count, at least 1.
        depth: how many neighbours are looked at, at most N; where fewer than N, the last of them and all beyond have
            the value 0.
        total: the values are added to this, shape [N], float64.
        squares: the squares of the values are added to this, shape [N], float64.
    """
    n = len(labels)
    gains = np.empty(depth)
    for point in range(len(distances)):
        order = nearest(distances[point], depth)
        for i in range(depth):
            gains[i] = 1.0 if labels[order[i]] == label[point] else 0.0
        values = neighbour_values(gains, k)
        beyond = 0.0 if depth == n else values[depth - 1]
        for i in range(depth):
            value = values[i] - beyond
            total[order[i]] += value
            squares[order[i]] += value * value


@njit(nogil=True, error_model="numpy")
def nearest(distances, depth):
    """Return the rows of the `depth` smallest distances, smallest first, equal ones in the order of rows.

    A bucket sort: as many buckets of equal width as there are distances, and insertion within them. Where the distances
    are so uneven that a bucket is large, it is sorted by merging, so that the time is n log n at worst.
    """
    n = len(distances)
    bucket, ends = _buckets(distances)
    order, sorted_ = np.empty(n, np.int64), np.empty(n)
    for row in range(n - 1, -1, -1):
        place = ends[bucket[row]] - 1
        ends[bucket[row]] = place
        order[place], sorted_[place] = row, distances[row]
    starts, reached = ends, 0  # Each end has moved to its bucket's start.
    for index in range(n):
        start, end = starts[index], starts[index + 1] if index + 1 < n else n
        if start >= depth:
            break
        reached = end
        if end - start > _SMALL:
            _merge(order[start:end], sorted_[start:end])
    _insert(order[:reached], sorted_[:reached])
    return order[:depth]


@njit(nogil=True, error_model="numpy")
def _buckets(distances):
    """Return the bucket of each distance, shape [N], and where each bucket ends if they lie in a row, shape [N]."""
    n = len(distances)
    low = high = distances[0]
    for row in range(n):
        low, high = min(low, distances[row]), max(high, distances[row])
    scale = (n - 1) / (high - low)
    scale = scale if np.isfinite(scale) and high - low < np.inf else 0.0
    bucket, ends = np.zeros(n, np.int32), np.zeros(n, np.int32)
    for row in range(n):
        if scale > 0:
            bucket[row] = np.int32((distances[row] - low) * scale)
        ends[bucket[row]] += 1
    for index in range(1, n):
        ends[index] += ends[index - 1]
    return bucket, ends


@njit(nogil=True, error_model="numpy")
def _insert(order, distances):
    """Sort both by distance, equal ones as they stand, in time that grows with how far they have to move."""
    for place in range(1, len(order)):
        if distances[place - 1] <= distances[place]:
            continue
        distance, row, before = distances[place], order[place], place - 1
        while before >= 0 and distances[before] > distance:
            order[before + 1], distances[before + 1] = order[before], distances[before]
            before -= 1
        order[before + 1], distances[before + 1] = row, distance


@njit(nogil=True, error_model="numpy")
def _merge(order, distances):
    """Sort both by distance, equal ones as they stand, by merging longer and longer runs."""
    n, width = len(order), 1
    order_before, before = np.empty_like(order), np.empty_like(distances)
    while width < n:
        order_before[:], before[:] = order, distances
        for start in range(0, n, 2 * width):
            left, middle, end = start, min(start + width, n), min(start + 2 * width, n)
            right = middle
            for place in range(start, end):
                from_left = left < middle and (right >= end or before[left] <= before[right])
                source = left if from_left else right
                order[place], distances[place] = order_before[source], before[source]
                left, right = left + from_left, right + (not from_left)
        width *= 2
