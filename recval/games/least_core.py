"""The least core: payoffs that leave no coalition much to complain of.

    min e   such that   sum_i x_i = v(all) - v(nobody),   sum over i in S of x_i + e >= v(S) - v(nobody)

for every coalition S but nobody and all. e, the deficit, is the most that any coalition is paid less than it is worth
alone; where it is not above 0, the payoffs are in the core. Of all payoffs with the least deficit those of least norm
are taken, the nearest to equal shares (the egalitarian ones); they are the only ones, and equal players get equal pay.

It is no semi-value: a worthless player may be paid, and there are no rounds to tell a standard error from. It is for
games where coalitions may leave, and as a second opinion on Shapley's values. For some more than a dozen players the
constraints are sampled, with these bounds:

- the deficit over the sampled coalitions is at most the least deficit of the game;
- of all coalitions at most the share `violated` has a larger deficit, with 95 % confidence over the draw. It is the
  bound of the scenario approach for m independent constraints on n free variables: the share at which a binomial of m
  is below n with a chance of 5 %; some n / m where m is large. It says nothing of how large those deficits are.

Coalitions are drawn uniformly, in pairs with their complements: without those the sampled problem may have no bound.
The time grows with the number of constraints times the square of the players, and more; some 10,000 pairs of 100
players are within reach.

Sources: Maschler, Peleg, Shapley, "Geometric properties of the kernel, nucleolus, and related solution concepts", 1979;
Yan & Procaccia, "If you like Shapley then you'll love the core", AAAI 2021; Campi & Garatti, "The exact feasibility of
randomized solutions of uncertain convex programs", 2008, theorem 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from pydantic import PositiveInt
from scipy import stats

from recval.declarations import Declaration
from recval.engine import Executor, Serial
from recval.engine.executor import Report
from recval.errors import ConfigError
from recval.games.checkpoint import Checkpoint, identity_of
from recval.games.estimators.base import DivisibleRounds, Made
from recval.games.game import Coalitions, Floats, Game
from recval.games.least_norm import payoffs_of
from recval.games.making import Making
from recval.games.progress import Progress
from recval.games.stopping import MaxRounds
from recval.games.values import Values
from recval.rng import numpy_generator

_MOST_PLAYERS = 15
_CONFIDENCE = 0.95


class LeastCore(Declaration):
    """The settings of the least core.

    Attributes:
        constraints: how many pairs of a coalition and its complement are drawn; None: all coalitions, of 15 players at
            most.
    """

    kind: Literal["least-core"] = "least-core"
    constraints: PositiveInt | None = None

    def check(self, n_players: int) -> None:
        """Refuse all coalitions of many players.

        Raises:
            ConfigError: there are too many.
        """
        if self.constraints is None and n_players > _MOST_PLAYERS:
            raise ConfigError(
                f"all coalitions of {n_players} players are too many, {_MOST_PLAYERS} players at most: set constraints"
            )


@dataclass(frozen=True, eq=False)
class LeastCorePayoffs:
    """What the least core gives.

    Attributes:
        values: the payoffs; one estimate each, without a standard error.
        deficit: the most that a coalition of the constraints is paid less than it is worth alone; 0 where there are
            fewer than two players.
        violated: at most this share of all coalitions has a larger deficit, with 95 % confidence; 0 if all were seen.
        evaluations: how many coalitions were evaluated.
    """

    values: Values
    deficit: float
    violated: float
    evaluations: int


def least_core(
    game: Game,
    settings: LeastCore,
    *,
    seed: int,
    executor: Executor | None = None,
    checkpoint: Path | None = None,
    players: pa.Table | None = None,
    report: Report = lambda fraction: None,
) -> LeastCorePayoffs:
    """Return the payoffs of least norm in the least core.

    Args:
        game: the game.
        settings: the settings.
        seed: the drawn coalitions derive from it.
        executor: where coalitions are evaluated; by default here.
        checkpoint: a file to continue from if it exists, and to keep the values of coalitions in.
        players: who the players are, one row each; by default their numbers, in the column `player`.
        report: called with the share of the coalitions that were evaluated, in [0, 1].

    Raises:
        ConfigError: there are too many players for all coalitions.
        ModelError: the game gave a value that is not finite.
        RunError: the checkpoint is of something else, or damaged.
    """
    n = game.n_players
    settings.check(n)
    players = pa.table({"player": np.arange(n)}) if players is None else players
    coalitions = _all(n) if settings.constraints is None else _drawn(n, settings.constraints, seed)
    keeper = Checkpoint(checkpoint, identity_of(game, seed, settings=settings))
    total = game.grand_value - game.null_value
    payoffs, deficit = np.full(n, total / max(n, 1)), 0.0
    if len(coalitions):
        worth = _values(_Each(game, coalitions), executor or Serial(), keeper, report) - game.null_value
        scale = max(np.abs(worth).max(), abs(total)) or 1.0
        payoffs = scale * payoffs_of(coalitions, worth / scale, total / scale)
        deficit = float((worth - coalitions @ payoffs).max())
    report(1.0)
    values = Values.from_estimates(players, payoffs[None])
    return LeastCorePayoffs(values, deficit, _violated(n, settings.constraints), len(coalitions))


@dataclass(frozen=True, eq=False)
class _Each(DivisibleRounds):
    """One round that finds the values of some coalitions, as if each of these were a player."""

    game: Game
    coalitions: Coalitions

    def most_evaluations(self) -> int:
        return len(self.coalitions)

    def make(self, rounds: Sequence[int], seed: int) -> Made:
        return self.game.value(self.coalitions)[None], np.array([len(self.coalitions)])

    def piece(self, index: int, seed: int, part: slice) -> Floats:
        return self.game.value(self.coalitions[part])

    def joined(self, index: int, seed: int, values: Floats) -> Floats:
        return values


def _values(each: _Each, executor: Executor, keeper: Checkpoint, report: Report) -> Floats:
    """Return the value of each coalition, shape [B]."""
    n_coalitions = len(each.coalitions)
    progress = keeper.read() or replace(Progress.none(n_coalitions), most_evaluations=n_coalitions)
    making = Making(each, MaxRounds(rounds=1), 0, each.game.batch_size, executor, keeper, report)
    return making.until_stopped(progress).all.mean


def _all(n_players: int) -> Coalitions:
    """Return all coalitions but nobody and all."""
    return (np.arange(1, 2**n_players - 1)[:, None] >> np.arange(n_players) & 1).astype(np.bool_)


def _drawn(n_players: int, n_pairs: int, seed: int) -> Coalitions:
    """Return pairs drawn uniformly, neither nobody nor all, shape [2 * n_pairs, n]; none for one player."""
    if n_players < 2:
        return np.zeros((0, n_players), np.bool_)
    generator = numpy_generator(seed, "constraints")
    drawn = np.zeros((n_pairs, n_players), np.bool_)
    while (trivial := drawn.all(1) | ~drawn.any(1)).any():
        drawn[trivial] = generator.random((trivial.sum(), n_players)) < 0.5
    return np.concatenate([drawn, ~drawn])


def _violated(n_players: int, n_pairs: int | None) -> float:
    """Return the bound on the share of coalitions whose deficit is larger."""
    if n_pairs is None or n_players < 2:
        return 0.0
    if n_pairs <= n_players:
        return 1.0
    return float(stats.beta.ppf(_CONFIDENCE, n_players, n_pairs - n_players + 1))
