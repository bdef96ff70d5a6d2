"""Truncated permutations: an order stops once the players so far are worth what all are worth.

An order of players is followed, as `Permutation` does, until the value of those so far has been within the tolerance of
v(all) for some steps in a row. Those who would come later get equal shares of what is left, v(all) - v(so far), so that
every round still adds up to v(all) - v(nobody). Where v saturates early this costs a small part of all n - 1
evaluations; where it does not, take `Permutation`, which this then equals at the same cost.

The bias. Given who comes before the stop, a late player gains its Shapley value in what is left of the game, but is
given the mean of all late players' values. With P the chance that an order stops before the player comes, its bias is

- at most P * tolerance where v never falls when a player joins: the late values are not negative, and add up to no more
  than the tolerance. The biases of all players add up to 0, and their absolute values to at most 2 * tolerance;
- at most P * 2.5 r otherwise, with r the furthest that v goes from v(all) in any coalition that holds those before a
  stop: a late gain is at most 2 r, the mean of such gains at most r / 2, and r is at least what was left at the stop.
  Nothing that was evaluated bounds r: a stop by accident, on an early plateau, may cost more than the tolerance.

Against accidents: `patience`; no stop at all where v(nobody) is within the tolerance itself, since being near v(all)
then says nothing; and `audit`. Of the orders that would stop, a share `audit` is followed to the end, and what they
find beyond the equal shares counts 1 / audit times. The estimate then has no bias at all, and a stop by accident shows
in the standard error. It pays where the late steps vary less than the early ones.

Sources: Ghorbani & Zou, "Data Shapley", ICML 2019, algorithm 1, which gives late players nothing instead, so that its
values do not add up. The audit is Russian roulette, as in the Monte Carlo of particle transport.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, PositiveInt

from recval.engine import Executor
from recval.errors import ConfigError
from recval.games.estimators.base import Estimator, Made, Rounds
from recval.games.evaluating import in_batches
from recval.games.game import Coalitions, Floats, Game
from recval.games.semivalues import SemiValue, Shapley
from recval.rng import numpy_generator


class Truncated(Estimator):
    """Permutations that stop early; for Shapley's value.

    Attributes:
        tolerance: how near to v(all) is near.
        scale: whether the tolerance is a share of |v(all) - v(nobody)| or a difference of values.
        patience: for how many steps in a row.
        block: how many steps of an order are evaluated at a time; whether to stop is asked after each block.
        audit: the share of stops that are not made, which removes the bias; 0: none, and the bias stays.
    """

    kind: Literal["truncated"] = "truncated"
    tolerance: float = Field(0.01, ge=0, allow_inf_nan=False)
    scale: Literal["relative", "absolute"] = "relative"
    patience: PositiveInt = 5
    block: PositiveInt = 8
    audit: float = Field(0.0, ge=0, le=1)

    def check(self, n_players: int, semivalue: SemiValue) -> None:
        """Refuse all but Shapley's value: for no other do equal shares of the rest add up to anything."""
        if not isinstance(semivalue, Shapley):
            raise ConfigError(f"truncated permutations estimate Shapley's value only, not {type(semivalue).__name__}")

    def prepare(self, game: Game, semivalue: SemiValue, seed: int, executor: Executor) -> Rounds:
        """Return the rounds."""
        return TruncatedRounds(self, game)


@dataclass(frozen=True)
class TruncatedRounds(Rounds):
    """The rounds of truncated permutations.

    Attributes:
        settings: the settings.
        game: the game.
    """

    settings: Truncated
    game: Game

    def most_evaluations(self) -> int:
        """Return n - 1, where an order never stops."""
        return max(self.game.n_players - 1, 0)

    def make(self, rounds: Sequence[int], seed: int) -> Made:
        """Follow the orders side by side, a block of steps at a time."""
        n, audit = self.game.n_players, self.settings.audit
        generators = [numpy_generator(seed, "round", index) for index in rounds]
        places = np.array([generator.permutation(n) for generator in generators], np.int64).reshape(-1, n)
        audited = np.array([generator.random() < audit for generator in generators], np.bool_)
        path, stop, costs = self._followed(places, audited)
        cut = np.minimum(stop, n)[:, None]
        at_cut = np.take_along_axis(path, cut, axis=1)
        late = np.arange(n) >= cut
        steps = np.where(late, (self.game.grand_value - at_cut) / np.maximum(n - cut, 1), np.diff(path, axis=1))
        if audit:
            beyond = np.where(audited[:, None], np.diff(path, axis=1) - steps, 0.0)
            steps = steps + beyond / audit
        return np.take_along_axis(steps, places, axis=1), costs

    def _followed(
        self, places: npt.NDArray[np.int64], audited: npt.NDArray[np.bool_]
    ) -> tuple[Floats, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the values along each order [R, n + 1], where it would stop [R] and how much was evaluated [R].

        What was not evaluated is v(all). An order that would not stop does so at n.
        """
        settings, (n_rounds, n) = self.settings, places.shape
        path = np.full((n_rounds, n + 1), self.game.grand_value)
        path[:, 0] = self.game.null_value
        stop, costs = np.full(n_rounds, n), np.zeros(n_rounds, np.int64)
        active, tolerance = np.arange(n_rounds), self._tolerance()
        for start in range(1, n, settings.block):
            sizes = np.arange(start, min(start + settings.block, n))
            values = in_batches(self.game, _prefixes(places[active], sizes))
            path[active[:, None], sizes] = values.reshape(len(active), len(sizes))
            costs[active] += len(sizes)
            last = sizes[-1]
            if tolerance is None or last < settings.patience:
                continue
            recent = path[active, last - settings.patience + 1 : last + 1]
            near = (np.abs(recent - self.game.grand_value) <= tolerance).all(1)
            stop[active[near]] = np.minimum(stop[active[near]], last)
            active = active[~near | audited[active]]
            if not len(active):
                break
        return path, stop, costs

    def _tolerance(self) -> float | None:
        """Return how far from v(all) is near; None where v(nobody) is as near."""
        span = abs(self.game.grand_value - self.game.null_value)
        tolerance = self.settings.tolerance * (span if self.settings.scale == "relative" else 1.0)
        return tolerance if span > tolerance else None


def _prefixes(places: npt.NDArray[np.int64], sizes: npt.NDArray[np.integer]) -> Coalitions:
    """Return the coalitions of the first so many players of each order, shape [orders * sizes, n]."""
    return (places[:, None, :] < sizes[:, None]).reshape(-1, places.shape[1])
