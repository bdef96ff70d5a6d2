"""From a recipe to a finished run: every trial, the summary, the values, the removal curve, the report.

`run` tests every method that trains a model; `run_valuation` stops at the values, and never meets the test part.
Whatever is in the run's folder already is kept: a run that was interrupted is continued by running it again, and one
that was only valued by running it whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from recval.adapter.rewards.validation import without_test
from recval.data import Split
from recval.engine import Executor, Serial
from recval.engine.executor import OnProgress, Report
from recval.recipes.checking import check_run, check_valuation
from recval.recipes.executing import (
    Took,
    checkpoint_path,
    evaluate_trial,
    is_done,
    is_tested,
    run_trial,
    value_trial,
)
from recval.recipes.explaining import write_explanations
from recval.recipes.schema import Recipe
from recval.recipes.summary import per_user_table, removal_table, summarise
from recval.recipes.trials import (
    REMOVAL_ORDERS,
    Experiment,
    MethodTrial,
    ReferenceTrial,
    RemovalTrial,
    TrainingTrial,
    Trial,
    ValuationTrial,
)
from recval.recipes.valuation import summarise_values, values_over_seeds
from recval.report import write_report
from recval.store.environment import environment
from recval.store.files import write_json, write_table
from recval.store.run import Run

Stage = Callable[[str, int], AbstractContextManager[OnProgress]]
"""Opens a stage of a run by its name and number of trials; gives what is called with the progress of each."""
AnyTrial = TypeVar("AnyTrial", bound=Trial)


def run(recipe: Recipe, path: str | Path, executor: Executor | None = None, stage: Stage | None = None) -> Run:
    """Run a recipe in a folder, or continue it there.

    Args:
        recipe: what to run.
        path: the folder; made if need be.
        executor: where the trials run; by default one after the other in this process.
        stage: what to tell of the progress.

    Raises:
        ConfigError: the recipe names something that there is not, or trains nothing.
        DataError: the data is not what it must be.
        RunError: the folder holds another run, or cannot be written.
    """
    split = recipe.split_data()
    check_run(recipe, split)
    run = _open(recipe, path, split)
    experiment, work = (
        Experiment(recipe, split, run, recipe.metrics),
        _Work(executor or Serial(threads=1), stage or silent),
    )
    methods = [MethodTrial(method, seed) for seed in recipe.seeds for method in recipe.trained]
    references = [ReferenceTrial(model) for model in recipe.references]
    untested = [trial for trial in methods if is_done(run, trial) and not is_tested(run, trial)]
    work.train("training", experiment, [*references, *methods])
    work.distribute("testing", experiment, evaluate_trial, untested, "tested")
    _value(experiment, work)
    removals = list(_removals(recipe))
    work.train("removal curve", experiment, removals)
    if removals:
        write_table(run.removal_path, pa.Table.from_pandas(removal_table(run, removals)))
    per_user = per_user_table(run, methods)
    write_table(run.per_user_path, pa.Table.from_pandas(per_user))
    write_json(run.metrics_path, summarise(run, per_user, recipe.metrics, methods, references, recipe.valuator))
    write_explanations(run, recipe, split)
    write_report(run)
    run.log("finished")
    return run


def run_valuation(
    recipe: Recipe, path: str | Path, executor: Executor | None = None, stage: Stage | None = None
) -> Run:
    """Run what gives values of a recipe, or continue it; the test part is not looked at, and may be empty.

    Raises:
        ConfigError: as for `run`, or no method gives values.
        DataError: as for `run`.
        RunError: as for `run`.
    """
    split = recipe.split_data()
    check_valuation(recipe, split)
    run = _open(recipe, path, split)
    experiment, work = (
        Experiment(recipe, without_test(split), run, ()),
        _Work(executor or Serial(threads=1), stage or silent),
    )
    trained = [method for method in recipe.valuators if method in recipe.trained]
    work.train("training", experiment, [MethodTrial(method, seed) for seed in recipe.seeds for method in trained])
    _value(experiment, work)
    run.log("valued")
    return run


def _open(recipe: Recipe, path: str | Path, split: Split) -> Run:
    run = Run.create(path, recipe.model_dump(mode="json"), split.fingerprint())
    if not run.environment_path.exists():
        write_json(run.environment_path, environment())
    return run


@dataclass(frozen=True)
class _Work:
    """Runs the trials of an experiment that are not done yet, and tells of it."""

    executor: Executor
    stage: Stage

    @classmethod
    def of(cls, executor: Executor | None, stage: Stage | None) -> _Work:
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


def _value(experiment: Experiment, work: _Work) -> None:
    """Run the valuations that stand alone, and write the values of the recipe's valuator and what is said of all."""
    recipe, run = experiment.recipe, experiment.run
    work.value(experiment, [ValuationTrial(name, seed) for name in recipe.standalone for seed in recipe.seeds_of(name)])
    if recipe.valuator is not None:
        values_over_seeds(run, recipe, recipe.valuator).save(run.values_path)
        write_json(run.valuation_path, summarise_values(run, recipe, experiment.split))


def _removals(recipe: Recipe) -> Iterator[RemovalTrial]:
    if recipe.removal is not None:
        for order in REMOVAL_ORDERS:
            for fraction in recipe.removal.dropped:
                for seed in recipe.removal.seeds:
                    yield RemovalTrial(order, fraction, seed)


@contextmanager
def silent(name: str, trials: int) -> Iterator[OnProgress]:
    """Tell nobody of the progress."""
    yield lambda position, fraction: None
