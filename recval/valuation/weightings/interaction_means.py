"""A number of each training interaction, met again and again in training: its running mean and variance."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from recval.data import Interactions
from recval.games.values import Values, players_of


class InteractionMeans:
    """The mean and variance of what was told of each training interaction (Welford's recurrence, in float64).

    Args:
        train: the training interactions, shape [n].
        device: where the numbers come from.
    """

    def __init__(self, train: Interactions, device: torch.device | str) -> None:
        self._train = train
        self._count, self._mean, self._squares = (
            torch.zeros(len(train), dtype=torch.float64, device=device) for _ in range(3)
        )

    def add(self, rows: Tensor, numbers: Tensor) -> None:
        """Tell a number of each of some interactions.

        Args:
            rows: their rows in the training table, each at most once, shape [B].
            numbers: what is told, shape [B].
        """
        numbers, mean, count = numbers.detach().double(), self._mean[rows], self._count[rows] + 1
        latest = mean + (numbers - mean) / count
        self._count[rows], self._mean[rows] = count, latest
        self._squares[rows] += (numbers - mean) * (numbers - latest)

    def standardised(self) -> Tensor:
        """Return the means with mean 0 and standard deviation 1 over the interactions met so far; others 0, [n]."""
        met = self._count > 0
        if not met.any():
            return torch.zeros_like(self._mean)
        spread = self._mean[met].std(correction=0)
        centred = torch.where(met, self._mean - self._mean[met].mean(), 0.0)
        return torch.where(spread > 0, centred / spread, 0.0)

    def values(self) -> Values:
        """Return the means as values; an interaction that was never met has the mean of all that were."""
        count, mean, squares = (each.cpu().numpy() for each in (self._count, self._mean, self._squares))
        variance = np.where(count > 1, squares / np.maximum(count - 1, 1), 0.0)
        times = np.maximum(count, 1).astype(np.int64)
        return Values(players_of(self._train), mean.copy(), variance, times).unmet_as_mean(count > 0)

    def state_dict(self) -> dict[str, Any]:
        """Return the counts, means and sums of squares."""
        return {"count": self._count, "mean": self._mean, "squares": self._squares}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._count.copy_(state["count"])
        self._mean.copy_(state["mean"])
        self._squares.copy_(state["squares"])
