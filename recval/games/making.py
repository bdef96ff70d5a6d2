"""Makes rounds until a rule is met, wherever the tasks run, and adds them up in their order.

A task makes some rounds if the game takes more coalitions at a time than a round has, and a piece of a round if it
takes fewer: so that the rounds of a costly game, or the only one of an exact estimator, are spread over the workers,
and can be continued in their midst.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from recval.engine import Executor, in_order
from recval.engine.executor import Report
from recval.errors import ModelError
from recval.games.checkpoint import Checkpoint
from recval.games.estimators.base import DivisibleRounds, Made, Rounds
from recval.games.game import Floats
from recval.games.progress import Progress
from recval.games.stopping import StoppingRule, check_bounded


@dataclass(frozen=True)
class Making:
    """Makes rounds until a rule is met.

    Attributes:
        rounds: what makes them.
        stop: the rule.
        seed: what they derive from.
        batch_size: how many coalitions are best evaluated together.
        executor: where the tasks run.
        checkpoint: where the progress is kept.
        report: what is told how far it is.
    """

    rounds: Rounds
    stop: StoppingRule
    seed: int
    batch_size: int
    executor: Executor
    checkpoint: Checkpoint
    report: Report

    def until_stopped(self, progress: Progress) -> Progress:
        """Return the progress when the rule is met.

        Raises:
            ConfigError: it may never be met.
            ModelError: the game gave a value that is not finite.
        """
        check_bounded(self.stop, progress)
        furthest = 0.0
        try:
            while self.stop.completion(progress) < 1:
                planned = progress.rounds + math.ceil(self.stop.remaining(progress))
                with closing(self._steps(progress, planned)) as steps:
                    for progress in steps:
                        completion = self.stop.completion(progress)
                        furthest = max(completion + self._begun(progress, completion), furthest)
                        self.report(furthest)
                        self.checkpoint.write(progress)
                        if completion >= 1:
                            break
        finally:
            self.checkpoint.write(progress, now=True)
        return progress

    def _steps(self, progress: Progress, planned: int) -> Generator[Progress]:
        """Return the progress after each task."""
        rounds = self.rounds
        if isinstance(rounds, DivisibleRounds) and progress.most_evaluations > self.batch_size:
            return self._by_pieces(rounds, progress, planned)
        return self._by_rounds(progress, planned)

    def _by_rounds(self, progress: Progress, planned: int) -> Generator[Progress]:
        """Yield the progress after each task of some rounds, the last one up to the round that meets the rule.

        Tasks begin at multiples of their size, also where an estimate is continued: a game may round a value otherwise
        where other coalitions are in the batch.
        """
        size = max(self.batch_size // max(progress.most_evaluations, 1), 1)
        tasks = range(progress.rounds - progress.rounds % size, planned, size)
        with closing(in_order(self.executor, _make, tasks, (self.rounds, self.seed, size, planned))) as results:
            for first, (estimates, evaluations) in zip(tasks, results, strict=True):
                _check_finite(estimates)
                for row in range(progress.rounds - first, len(estimates)):
                    progress = progress.plus(estimates[row], int(evaluations[row]))
                    if self.stop.completion(progress) >= 1:
                        break
                yield progress

    def _by_pieces(self, rounds: DivisibleRounds, progress: Progress, planned: int) -> Generator[Progress]:
        """Yield the progress after each piece of a round."""
        size, most = self.batch_size, progress.most_evaluations
        pieces = math.ceil(most / size)
        done = len(progress.begun) // size
        values, end = np.empty(most), done * size
        values[:end] = progress.begun[:end]
        tasks = range(progress.rounds * pieces + done, planned * pieces)
        with closing(in_order(self.executor, _make_piece, tasks, (rounds, self.seed, size, pieces))) as results:
            for piece in results:
                _check_finite(piece)
                start, end = end, end + len(piece)
                values[start:end] = piece
                if end < most:
                    yield progress.with_begun(values[:end])
                    continue
                progress = progress.plus(rounds.joined(progress.rounds, self.seed, values), most)
                values, end = np.empty(most), 0
                yield progress

    def _begun(self, progress: Progress, completion: float) -> float:
        """Return the share of the work that a round is which was begun."""
        if not len(progress.begun):
            return 0.0
        return (1 - completion) * len(progress.begun) / progress.most_evaluations / self.stop.remaining(progress)


def _make(shared: tuple[Rounds, int, int, int], first: int, report: Report) -> Made:
    """Return the rounds of a task."""
    rounds, seed, size, planned = shared
    return rounds.make(range(first, min(first + size, planned)), seed)


def _make_piece(shared: tuple[DivisibleRounds, int, int, int], task: int, report: Report) -> Floats:
    """Return the values of a piece of a round."""
    rounds, seed, size, pieces = shared
    index, piece = divmod(task, pieces)
    return rounds.piece(index, seed, slice(piece * size, (piece + 1) * size))


def _check_finite(numbers: Floats) -> None:
    if not np.isfinite(numbers).all():
        raise ModelError("the game gave a coalition a value that is not finite; all values must be finite numbers")
