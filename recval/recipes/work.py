"""The work of a run: its trials that are not done yet, wherever they run, and what the log tells of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from recval.engine import Executor, Serial
from recval.engine.executor import OnProgress, Report
from recval.recipes.executing import Took, checkpoint_path, is_done, run_trial, value_trial
from recval.recipes.stages import Stage, silent
from recval.recipes.trials import Experiment, TrainingTrial, Trial, ValuationTrial
from recval.store.run import Run

AnyTrial = TypeVar("AnyTrial", bound=Trial)


@dataclass(frozen=True)
class Work:
    """Runs the trials of an experiment that are not done yet, and tells of it."""

    executor: Executor
    stage: Stage

    @classmethod
    def of(cls, executor: Executor | None, stage: Stage | None) -> Work:
        """Return it with what was asked for, else in this process and in silence."""
        return cls(executor or Serial(threads=1), stage or silent)

    def train(self, name: str, experiment: Experiment, trials: Sequence[TrainingTrial]) -> None:
        """Run trainings, several at a time."""
        self.distribute(name, experiment, run_trial, _left(experiment.run, trials), "trial")

    def distribute(
        self, name: str, experiment: Experiment, function: Callable[..., Took], trials: Sequence[Trial], event: str
    ) -> None:
        """Map a function over trials; `event` is what the log calls the end of one."""
        if not trials:
            return
        with self._opened(name, experiment.run, trials) as on_progress:
            for position, took in self.executor.map(function, trials, experiment, on_progress):
                _ended(experiment.run, trials[position], event, took)
                on_progress(position, 1.0)

    def value(self, experiment: Experiment, trials: Sequence[ValuationTrial]) -> None:
        """Run valuations one after the other: each is given the executor, and distributes its own work."""
        left = _left(experiment.run, trials)
        if not left:
            return
        with self._opened("valuing", experiment.run, left) as on_progress:
            for position, trial in enumerate(left):
                report: Report = partial(on_progress, position)
                took = value_trial(experiment, trial, self.executor, report)
                _ended(experiment.run, trial, "trial", took)
                report(1.0)

    def _opened(self, name: str, run: Run, trials: Sequence[Trial]) -> AbstractContextManager[OnProgress]:
        run.log("stage", name=name, trials=len(trials))
        return self.stage(name, len(trials))


def _left(run: Run, trials: Sequence[AnyTrial]) -> list[AnyTrial]:
    """Return the trials that are not done; what one that was killed at its very end left behind is removed."""
    done = [trial for trial in trials if is_done(run, trial)]
    for trial in done:
        checkpoint_path(run, trial).unlink(missing_ok=True)
    return [trial for trial in trials if trial not in done]


def _ended(run: Run, trial: Trial, event: str, took: Took) -> None:
    run.log(event, folder=str(trial.folder(run).relative_to(run.path)), **took)
