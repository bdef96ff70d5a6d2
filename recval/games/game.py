"""Cooperative games: what every coalition of players is worth.

A coalition is a row of a boolean matrix, so that many are evaluated in one call: `value` is given [B, n] and returns
[B]. What a coalition means (a training without the absent interactions, a closed form) belongs to the game.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Coalitions = npt.NDArray[np.bool_]
"""Which players are in each coalition, shape [B, n_players]."""
Floats = npt.NDArray[np.float64]


class Game(ABC):
    """A game of `n_players` players. It travels to workers, so it must be picklable.

    Attributes:
        n_players: the number of players, at least 0.
        batch_size: how many coalitions are best evaluated together: few where each takes long, so that they spread over
            the workers and little is lost when a run is interrupted; many where a call costs more than a coalition.
    """

    n_players: int
    batch_size: int = 256

    @abstractmethod
    def value(self, coalitions: Coalitions) -> Floats:
        """Return the value of each coalition, shape [B].

        Args:
            coalitions: shape [B, n_players]; B may be 0.
        """

    @cached_property
    def null_value(self) -> float:
        """The value of the coalition of nobody."""
        return float(self.value(np.zeros((1, self.n_players), np.bool_))[0])

    @cached_property
    def grand_value(self) -> float:
        """The value of the coalition of all."""
        return float(self.value(np.ones((1, self.n_players), np.bool_))[0])


class FunctionGame(Game):
    """A game that is a function on NumPy arrays.

    Args:
        n_players: the number of players.
        function: from coalitions, shape [B, n_players], to their values, shape [B].
        batch_size: the most coalitions that the function is given.
    """

    def __init__(self, n_players: int, function: Callable[[Coalitions], npt.ArrayLike], batch_size: int = 2048) -> None:
        self.n_players = n_players
        self.batch_size = batch_size
        self._function = function

    def value(self, coalitions: Coalitions) -> Floats:
        """Return the function's values."""
        return np.asarray(self._function(coalitions), np.float64)


class TensorGame(Game):
    """A game that is a function on tensors.

    Args:
        n_players: the number of players.
        function: from coalitions, bool, shape [B, n_players], on the device, to their values, shape [B].
        device: where the function computes.
        batch_size: the most coalitions that the function is given.
    """

    def __init__(
        self,
        n_players: int,
        function: Callable[[Tensor], Tensor],
        device: torch.device | str = "cpu",
        batch_size: int = 2048,
    ) -> None:
        self.n_players = n_players
        self.batch_size = batch_size
        self._function = function
        self._device = device

    @torch.no_grad()
    def value(self, coalitions: Coalitions) -> Floats:
        """Return the function's values."""
        return self._function(torch.from_numpy(coalitions).to(self._device)).double().cpu().numpy()
