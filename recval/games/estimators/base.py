"""What every estimator of semi-values has in common: rounds.

A round is one independent estimate of the whole vector of values. Round r draws from the stream of the seed and r alone,
so the rounds may be made anywhere, in any order and in any number at a time; their mean is the estimate, and their
spread its standard error.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recval.declarations import Declaration
from recval.engine import Executor
from recval.games.game import Coalitions, Floats, Game
from recval.games.semivalues import SemiValue
from recval.rng import numpy_generator


class Rounds(ABC):
    """An estimator that is ready to make rounds of one game. It travels to workers.

    Attributes:
        preparation: how many coalitions were evaluated to get ready.
    """

    preparation: int = 0

    @abstractmethod
    def most_evaluations(self) -> int:
        """Return how many coalitions a round evaluates at most."""

    @abstractmethod
    def make(self, rounds: Sequence[int], seed: int) -> tuple[Floats, npt.NDArray[np.int64]]:
        """Return the estimates of some rounds, shape [R, n], and how many coalitions each evaluated, shape [R]."""


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


@dataclass(frozen=True)
class Draw:
    """What one round evaluates, and what follows from it: a linear map, so that it serves a surrogate as well.

    Attributes:
        coalitions: the coalitions to evaluate, shape [B, n]; the empty and the grand one need not be among them.
        estimate: from their values, shape [B], the value of nobody and the value of all, to the estimate, shape [n].
    """

    coalitions: Coalitions
    estimate: Callable[[Floats, float, float], Floats]


class Sampler(Estimator, ABC):
    """Base of estimators that are linear in the values of coalitions drawn beforehand."""

    @abstractmethod
    def evaluations(self, n_players: int) -> int:
        """Return how many coalitions a round evaluates."""

    @abstractmethod
    def draw(self, n_players: int, semivalue: SemiValue, generator: np.random.Generator) -> Draw:
        """Return one round's coalitions and estimate.

        Args:
            n_players: the number of players, at least 1.
            semivalue: what is estimated.
            generator: the source of the round's randomness.
        """

    def prepare(self, game: Game, semivalue: SemiValue, seed: int, executor: Executor) -> Rounds:
        """Return the plain Monte Carlo rounds."""
        return PlainRounds(self, game, semivalue)


@dataclass(frozen=True)
class PlainRounds(Rounds):
    """A sampler's rounds, without anything added to them.

    Attributes:
        sampler: the sampler.
        game: the game.
        semivalue: what is estimated.
    """

    sampler: Sampler
    game: Game
    semivalue: SemiValue

    def most_evaluations(self) -> int:
        """Return what the sampler says."""
        return self.sampler.evaluations(self.game.n_players)

    def make(self, rounds: Sequence[int], seed: int) -> tuple[Floats, npt.NDArray[np.int64]]:
        """Draw all rounds, and evaluate their coalitions in one call."""
        draws = draws_of(self.sampler, self.game.n_players, self.semivalue, rounds, seed)
        return estimates_of(draws, self.game), sizes_of(draws)


def draws_of(sampler: Sampler, n_players: int, semivalue: SemiValue, rounds: Sequence[int], seed: int) -> list[Draw]:
    """Return the draw of each round, each from its own stream."""
    return [sampler.draw(n_players, semivalue, numpy_generator(seed, "round", index)) for index in rounds]


def estimates_of(draws: Sequence[Draw], game: Game) -> Floats:
    """Return the estimate of each draw in a game, shape [R, n]; all coalitions are evaluated in one call."""
    values = game.value(np.concatenate([draw.coalitions for draw in draws]))
    parts = np.split(values, np.cumsum(sizes_of(draws))[:-1])
    ends = game.null_value, game.grand_value
    return np.stack([draw.estimate(part, *ends) for draw, part in zip(draws, parts, strict=True)])


def sizes_of(draws: Sequence[Draw]) -> npt.NDArray[np.int64]:
    """Return how many coalitions each draw evaluates, shape [R]."""
    return np.array([len(draw.coalitions) for draw in draws], np.int64)
