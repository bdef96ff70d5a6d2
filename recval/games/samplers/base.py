"""What every sampler has in common.

The coalitions of a round are drawn beforehand, and its estimate is linear in their values.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from recval.engine import Executor
from recval.errors import ConfigError
from recval.games.estimators.base import DivisibleRounds, Estimator, Made, Rounds
from recval.games.evaluating import in_batches
from recval.games.game import Coalitions, Floats, Game
from recval.games.semivalues import SemiValue
from recval.rng import numpy_generator

_MOST_CELLS = 2**32


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
    """Base of estimators that are linear in the values of coalitions drawn beforehand.

    Attributes:
        exact: whether a round gives the exact values; the draw is then no random one.
    """

    exact: ClassVar[bool] = False

    def check(self, n_players: int, semivalue: SemiValue) -> None:
        """Refuse rounds that no memory holds.

        Raises:
            ConfigError: the coalitions of a round would take more than 4 GiB.
        """
        cells = self.evaluations(n_players) * n_players
        if cells > _MOST_CELLS:
            raise ConfigError(
                f"a round of {type(self).__name__} over {n_players:,} players is {cells / 2**30:,.0f} GiB of "
                f"coalitions, at most {_MOST_CELLS / 2**30:.0f} are held: group the players, or take another sampler"
            )

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


@dataclass(eq=False)
class PlainRounds(DivisibleRounds):
    """A sampler's rounds, without anything added to them.

    Attributes:
        sampler: the sampler.
        game: the game.
        semivalue: what is estimated.
    """

    sampler: Sampler
    game: Game
    semivalue: SemiValue
    _latest: tuple[int, int, Draw] | None = field(default=None, init=False, repr=False)

    @property
    def exact(self) -> bool:
        """What the sampler says."""
        return self.sampler.exact

    def most_evaluations(self) -> int:
        """Return what the sampler says."""
        return self.sampler.evaluations(self.game.n_players)

    def make(self, rounds: Sequence[int], seed: int) -> Made:
        """Draw all rounds, and evaluate their coalitions together."""
        draws = draws_of(self.sampler, self.game.n_players, self.semivalue, rounds, seed)
        return estimates_of(draws, self.game), sizes_of(draws)

    def piece(self, index: int, seed: int, part: slice) -> Floats:
        """Draw the round, and evaluate the part."""
        return self.game.value(self._draw(index, seed).coalitions[part])

    def joined(self, index: int, seed: int, values: Floats) -> Floats:
        """Draw the round, and use the values."""
        return self._draw(index, seed).estimate(values, self.game.null_value, self.game.grand_value)

    def _draw(self, index: int, seed: int) -> Draw:
        """Return the draw of a round; the pieces of a round that follow each other share it."""
        if self._latest is None or self._latest[:2] != (index, seed):
            (draw,) = draws_of(self.sampler, self.game.n_players, self.semivalue, [index], seed)
            self._latest = index, seed, draw
        return self._latest[2]

    def __reduce__(self) -> tuple[type[PlainRounds], tuple[Sampler, Game, SemiValue]]:
        """Travel without the latest draw."""
        return PlainRounds, (self.sampler, self.game, self.semivalue)


def draws_of(sampler: Sampler, n_players: int, semivalue: SemiValue, rounds: Sequence[int], seed: int) -> list[Draw]:
    """Return the draw of each round, each from its own stream."""
    return [sampler.draw(n_players, semivalue, numpy_generator(seed, "round", index)) for index in rounds]


def estimates_of(draws: Sequence[Draw], game: Game) -> Floats:
    """Return the estimate of each draw in a game, shape [R, n]; all coalitions are evaluated together."""
    values = in_batches(game, np.concatenate([draw.coalitions for draw in draws]))
    parts = np.split(values, np.cumsum(sizes_of(draws))[:-1])
    ends = game.null_value, game.grand_value
    return np.stack([draw.estimate(part, *ends) for draw, part in zip(draws, parts, strict=True)])


def sizes_of(draws: Sequence[Draw]) -> npt.NDArray[np.int64]:
    """Return how many coalitions each draw evaluates, shape [R]."""
    return np.array([len(draw.coalitions) for draw in draws], np.int64)
