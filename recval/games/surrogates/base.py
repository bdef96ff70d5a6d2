"""What surrogates have in common: games that are cheap, close to another one, and whose semi-values are known."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from pydantic import PositiveInt

from recval.declarations import Declaration
from recval.engine import Executor
from recval.games.evaluating import evaluate
from recval.games.game import Coalitions, Floats, Game
from recval.games.semivalues import SemiValue
from recval.rng import derive, numpy_generator

_PER_PLAYER, _MOST = 16, 4096


class Surrogate(Game, ABC):
    """A game whose semi-values are known in closed form."""

    batch_size = 2048

    @abstractmethod
    def values_of(self, semivalue: SemiValue) -> Floats:
        """Return the semi-value of each player, exactly, shape [n]."""


class SurrogateModel(Declaration, ABC):
    """Base of the settings of surrogates that are fitted to a game on coalitions drawn for that.

    Attributes:
        coalitions: how many coalitions it is fitted on, beside those of nobody and of all; None: 16 for each player,
            at most 4,096.
    """

    coalitions: PositiveInt | None = None

    @abstractmethod
    def fit(self, coalitions: Coalitions, values: Floats, seed: int) -> Surrogate:
        """Return the surrogate that is fitted to some coalitions' values.

        Args:
            coalitions: shape [B, n].
            values: shape [B].
            seed: what is random in fitting derives from it.
        """

    def evaluations(self, n_players: int) -> int:
        """Return how many coalitions are evaluated to fit it."""
        return self.coalitions or min(_PER_PLAYER * n_players, _MOST)

    def fitted(self, game: Game, semivalue: SemiValue, seed: int, executor: Executor) -> Surrogate:
        """Return the surrogate that is fitted to a game.

        Args:
            game: the game.
            semivalue: the coalitions are drawn as it sees them.
            seed: what the coalitions derive from.
            executor: where they are evaluated.
        """
        n = game.n_players
        drawn = paired_coalitions(n, self.evaluations(n), semivalue, numpy_generator(seed, "coalitions"))
        coalitions = np.concatenate([drawn, np.zeros((1, n), np.bool_), np.ones((1, n), np.bool_)])
        values = np.append(evaluate(game, drawn, executor), (game.null_value, game.grand_value))
        return self.fit(coalitions, values, derive(seed, "fit"))


def paired_coalitions(n_players: int, count: int, semivalue: SemiValue, generator: np.random.Generator) -> Coalitions:
    """Return coalitions drawn as a semi-value sees them, in pairs that are opposite, shape [count, n].

    Each player joins with the probability q of the semi-value's mixture, taken at shares that are spread evenly over
    [0, 1]. The second of a pair is drawn at the opposite share by the opposite lots: for Shapley's value and Banzhaf's
    it is the complement of the first. So what is odd in a game is not mistaken for what is even in it.

    Args:
        n_players: the number of players.
        count: how many coalitions; where it is odd, the last is alone.
        semivalue: the semi-value.
        generator: the source of randomness.
    """
    n_pairs = (count + 1) // 2
    share = ((np.arange(n_pairs) + generator.random(n_pairs)) / n_pairs)[:, None]
    lot = generator.random((n_pairs, n_players))
    pairs = np.stack([lot < semivalue.quantile(share), 1 - lot < semivalue.quantile(1 - share)], axis=1)
    return pairs.reshape(-1, n_players)[:count]
