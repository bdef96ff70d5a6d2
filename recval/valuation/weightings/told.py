"""What the steps of training tell of interactions, kept until it is added up, which at once is quicker than by step."""

from __future__ import annotations

import torch
from torch import Tensor

from recval.valuation.weightings.interaction_means import InteractionMeans


class Told:
    """Numbers of interactions that are yet to be added to means.

    They are kept in one place that is there from the beginning. Many small tensors, one a step, would lie among the
    large ones of training, whose memory could then not be used again from step to step: a fifth of a step's time.

    Args:
        means: what they are to be added to.
        capacity: how many numbers are kept before they are added.
        like: a tensor of their type and device.
    """

    def __init__(self, means: InteractionMeans, capacity: int, like: Tensor) -> None:
        self._means = means
        self._numbers = torch.empty(capacity, dtype=like.dtype, device=like.device)
        self._rows: list[Tensor] = []
        self._filled = 0

    def add(self, rows: Tensor, numbers: Tensor, divisor: float) -> None:
        """Keep numbers of interactions, divided; rows are kept as they are, not copied.

        Args:
            rows: their rows in the training table, shape [B].
            numbers: shape [B], without a graph.
            divisor: what they are divided by.
        """
        end = self._filled + len(rows)
        if end > len(self._numbers):
            self.flush()
            end = len(rows)
        if end > len(self._numbers):
            self._means.add(rows, numbers / divisor)
            return
        torch.div(numbers, divisor, out=self._numbers[self._filled : end])
        self._rows.append(rows)
        self._filled = end

    def flush(self) -> None:
        """Add the numbers to the means."""
        if self._rows:
            self._means.add(torch.cat(self._rows), self._numbers[: self._filled])
            self._rows, self._filled = [], 0
