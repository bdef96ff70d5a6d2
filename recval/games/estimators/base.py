"""What every estimator of semi-values has in common: rounds.

A round is one independent estimate of the whole vector of values. Round r draws from the stream of the seed and r
alone, so the rounds may be made anywhere, in any order and in any number at a time; their mean is the estimate, and
their spread its standard error.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from recval.declarations import Declaration
from recval.engine import Executor
from recval.games.game import Floats, Game
from recval.games.semivalues import SemiValue

Made = tuple[Floats, npt.NDArray[np.int64]]
"""The estimates of some rounds, shape [R, n], and how many coalitions each evaluated, shape [R]."""


class Rounds(ABC):
    """An estimator that is ready to make rounds of one game. It travels to workers.

    Attributes:
        preparation: how many coalitions were evaluated to get ready.
    """

    preparation: int = 0

    @property
    def exact(self) -> bool:
        """Whether every round gives the exact values: one is made then, and its standard error is 0."""
        return False

    @abstractmethod
    def most_evaluations(self) -> int:
        """Return how many coalitions a round evaluates at most."""

    @abstractmethod
    def make(self, rounds: Sequence[int], seed: int) -> Made:
        """Return the estimates of some rounds and what they cost."""


class DivisibleRounds(Rounds, ABC):
    """Rounds that can be made in pieces: each evaluates `most_evaluations` coalitions, whatever their values are."""

    @abstractmethod
    def piece(self, index: int, seed: int, part: slice) -> Floats:
        """Return the values of a part of the coalitions of a round."""

    @abstractmethod
    def joined(self, index: int, seed: int, values: Floats) -> Floats:
        """Return the estimate of a round from the values of all its coalitions, shape [n]."""


class Estimator(Declaration, ABC):
    """Base of estimators: settings, and how to get ready for a game."""

    def check(self, n_players: int, semivalue: SemiValue) -> None:
        """Refuse what cannot be estimated.

        Raises:
            ConfigError: the estimator is not made for this semi-value, or for so many players.
        """

    @abstractmethod
    def prepare(self, game: Game, semivalue: SemiValue, seed: int, executor: Executor) -> Rounds:
        """Return what makes the rounds of a game.

        Args:
            game: the game.
            semivalue: what is estimated.
            seed: what is drawn to get ready derives from it.
            executor: where coalitions are evaluated to get ready.
        """
