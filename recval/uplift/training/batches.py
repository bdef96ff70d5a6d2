"""Rows of customers as tensors: the split into training and held-out rows, and batches that hold all arms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recval.uplift.checks import Floats, Ints


@dataclass(frozen=True)
class Rows:
    """Encoded customers of an experiment, on one device.

    Attributes:
        numeric: float32, shape [n, N].
        codes: int64, shape [n, C].
        arm: int64, shape [n].
        response: float32, shape [n].
        weight: what each row counts, float32, mean 1 over the training rows, shape [n]; None for equal weights.
    """

    numeric: Tensor
    codes: Tensor
    arm: Tensor
    response: Tensor
    weight: Tensor | None = None

    def __len__(self) -> int:
        return len(self.arm)

    def take(self, index: Tensor | slice) -> Rows:
        """Return the rows of an index."""
        weight = None if self.weight is None else self.weight[index]
        return Rows(self.numeric[index], self.codes[index], self.arm[index], self.response[index], weight)

    def batches(self, arms: Ints, size: int, generator: np.random.Generator) -> Iterator[Rows]:
        """Yield all rows once, in random batches of like size (at most `size`) that hold every arm in its share.

        Args:
            arms: the arm of each row, on the CPU.
            size: of the largest batch.
            generator: of the order.
        """
        order = torch.from_numpy(interleaved(arms, generator)).to(self.arm.device)
        shuffled = self.take(order)
        count = -(-len(self) // size)
        bounds = [len(self) * step // count for step in range(count + 1)]
        for start, stop in pairwise(bounds):
            yield shuffled.take(slice(start, stop))


def interleaved(groups: Ints, generator: np.random.Generator) -> Ints:
    """Return a random order of rows in which every stretch holds each group in its share, to a row at each end.

    The rows of a group of m are shuffled and laid at the places (k + u) / m, k = 0 … m - 1, with one random u a group;
    the order is by place.
    """
    rows, within, counts = _shuffled_in_groups(groups, generator)
    places = (within + generator.random(len(counts))[groups[rows]]) / counts[groups[rows]]
    return rows[np.argsort(places, kind="stable")]


def held_out_rows(arms: Ints, response: Floats, share: float, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Return which rows are held out: of each arm, `share` of those that responded and of those that did not.

    Shares are rounded to whole rows, and every such group keeps a row for training.
    """
    groups = 2 * arms + (response != 0)
    rows, within, counts = _shuffled_in_groups(groups, generator)
    taken = np.minimum(np.round(share * counts), counts - 1)
    held_out = np.zeros(len(arms), bool)
    held_out[rows] = within < taken[groups[rows]]
    return held_out


def _shuffled_in_groups(groups: Ints, generator: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    """Return the rows group by group, shuffled in each; the place of each in its group; and the groups' sizes."""
    shuffled = generator.permutation(len(groups))
    rows = shuffled[np.argsort(groups[shuffled], kind="stable")]
    counts = np.bincount(groups)
    within = np.arange(len(groups)) - np.repeat(counts.cumsum() - counts, counts)
    return rows, within, counts
