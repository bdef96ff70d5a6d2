"""Estimates semi-values: makes rounds wherever they run, adds them up in their order, and stops when told to.

Round r depends on the seed and on r alone, the rounds are added in their order, and the rule is asked after each one.
So the values do not depend on the executor, on the number of workers, or on when a run was interrupted. What was made
beyond the round that met the rule is thrown away.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from recval.engine import Executor, Serial
from recval.engine.executor import Report
from recval.errors import ConfigError
from recval.games.checkpoint import Checkpoint, Identity, identity_of
from recval.games.estimators.base import Estimator, Rounds
from recval.games.game import Game
from recval.games.making import Making
from recval.games.progress import Progress
from recval.games.semivalues import SemiValue
from recval.games.stopping import StoppingRule
from recval.games.values import Values


@dataclass(frozen=True, eq=False)
class Estimate:
    """What was estimated.

    Attributes:
        values: the values of the players; a count is the number of rounds.
        rounds: how many rounds were made.
        evaluations: how many coalitions were evaluated for them, and to get ready; not counted are those of nobody and
            of all, and those of rounds that were thrown away.
        reason: why no more rounds were made.
        progress: what it takes to go on.
        of: what was estimated, and how.
    """

    values: Values
    rounds: int
    evaluations: int
    reason: str
    progress: Progress
    of: Identity


def estimate(
    game: Game,
    estimator: Estimator,
    semivalue: SemiValue,
    stop: StoppingRule,
    *,
    seed: int,
    executor: Executor | None = None,
    checkpoint: Path | None = None,
    players: pa.Table | None = None,
    start: Estimate | None = None,
    report: Report = lambda fraction: None,
) -> Estimate:
    """Estimate a semi-value of every player of a game.

    Args:
        game: the game.
        estimator: how it is estimated.
        semivalue: what is estimated.
        stop: when to stop; one that may never be met must be joined to one that will.
        seed: all randomness derives from it. Estimates of different seeds are independent, and their values add up.
        executor: where the rounds are made; by default here.
        checkpoint: a file to continue from if it exists, and to keep the progress in: about once a second, and at the
            end. An estimate that was killed ends with the same values.
        players: who the players are, one row each; by default their numbers, in the column `player`.
        start: an earlier estimate of the same to continue.
        report: called with the share of the work that is done, in [0, 1], which never falls.

    Raises:
        ConfigError: the estimator cannot do this, the rule may never be met, or `start` is of something else.
        ModelError: the game gave a value that is not finite.
        RunError: the checkpoint is of something else, or damaged.
    """
    estimator.check(game.n_players, semivalue)
    players = pa.table({"player": np.arange(game.n_players)}) if players is None else players
    of = identity_of(game, seed, estimator=estimator, semivalue=semivalue)
    keeper = Checkpoint(checkpoint, of)
    progress = keeper.read() or _progress_of(start, of) or Progress.none(game.n_players)
    reason = "there are no players"
    if game.n_players:
        executor = executor or Serial()
        if stop.completion(progress) < 1:
            rounds = estimator.prepare(game, semivalue, seed, executor)
            progress = _with_costs(progress, rounds)
            stop = stop | _OneExactRound() if progress.exact else stop
            making = Making(rounds, stop, seed, game.batch_size, executor, keeper, report)
            progress = making.until_stopped(progress)
        reason = stop.reason(progress)
    report(1.0)
    return Estimate(progress.values(players), progress.rounds, progress.evaluations, reason, progress, of)


class _OneExactRound(StoppingRule):
    """Met by the first round, where every round gives the exact values."""

    def completion(self, progress: Progress) -> float:
        return float(progress.rounds > 0)

    def reason(self, progress: Progress) -> str:
        return "the values are exact"

    def remaining(self, progress: Progress) -> float:
        return 1 - self.completion(progress)


def _with_costs(progress: Progress, rounds: Rounds) -> Progress:
    """Return the progress with what getting ready has cost, and a round will."""
    return replace(
        progress,
        evaluations=progress.evaluations if progress.rounds else rounds.preparation,
        most_evaluations=rounds.most_evaluations(),
        exact=rounds.exact or progress.n_players == 1,
    )


def _progress_of(start: Estimate | None, of: Identity) -> Progress | None:
    if start is not None and start.of != of:
        raise ConfigError(f"the estimate to start from is another one: of {start.of}, not of {of}")
    return None if start is None else start.progress
