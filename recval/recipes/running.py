"""From a recipe to a finished run: every trial, the summary, the values, the removal curve, the report.

Whatever is in the run's folder already is kept: a run that was interrupted is continued by running it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pyarrow as pa
import torch

from recval.backbones import Backbone, Batch, build
from recval.data import Split
from recval.engine import Executor, Serial
from recval.engine.executor import OnProgress
from recval.errors import ConfigError, DataError, ModelError
from recval.games import Values
from recval.recipes.explaining import write_explanations
from recval.recipes.fitting import check_refit
from recval.recipes.models import ModelRecipe
from recval.recipes.schema import Recipe
from recval.recipes.summary import per_user_table, removal_table, summarise
from recval.recipes.trials import (
    REMOVAL_ORDERS,
    Experiment,
    MethodTrial,
    ReferenceTrial,
    RemovalTrial,
    Trial,
    checkpoint_path,
    is_done,
    run_trial,
)
from recval.report import write_report
from recval.store.environment import environment
from recval.store.files import write_json, write_table
from recval.store.run import Run
from recval.training import check_weighable

Stage = Callable[[str, int], AbstractContextManager[OnProgress]]
"""Opens a stage of a run by its name and number of trials; gives what is called with the progress of each."""


def run(recipe: Recipe, path: str | Path, executor: Executor | None = None, stage: Stage | None = None) -> Run:
    """Run a recipe in a folder, or continue it there.

    Args:
        recipe: what to run.
        path: the folder; made if need be.
        executor: where the trials run; by default one after the other in this process.
        stage: what to tell of the progress.

    Raises:
        ConfigError: the recipe names something that there is not.
        DataError: the data is not what it must be.
        RunError: the folder holds another run, or cannot be written.
    """
    experiment = _open(recipe, path)
    run = experiment.run
    executor, stage = executor or Serial(threads=1), stage or silent
    methods = [MethodTrial(method, seed) for seed in recipe.seeds for method in recipe.methods]
    references = [ReferenceTrial(model) for model in recipe.references]
    _execute("training", experiment, [*references, *methods], executor, stage)
    _write_values(run, recipe)
    removals = list(_removals(recipe))
    _execute("removal curve", experiment, removals, executor, stage)
    if removals:
        write_table(run.removal_path, pa.Table.from_pandas(removal_table(run, removals)))
    per_user = per_user_table(run, methods)
    write_table(run.per_user_path, pa.Table.from_pandas(per_user))
    write_json(run.metrics_path, summarise(run, per_user, recipe.metrics, methods, references, recipe.valuator))
    write_explanations(run, recipe, experiment.split)
    write_report(run)
    run.log("finished")
    return run


def check(recipe: Recipe) -> Split:
    """Check all that can be checked without training, and return the data, held out as the recipe says.

    Raises:
        ConfigError: the recipe names something that there is not.
        DataError: the data is not what it must be.
        ModelError: a model cannot be built.
    """
    split = recipe.split_data()
    check_on(recipe, split)
    return split


def check_on(recipe: Recipe, split: Split) -> None:
    """Check all that can be checked of a recipe without training, on its data, already held out.

    Raises:
        ConfigError: as for `check`.
        DataError: as for `check`.
        ModelError: as for `check`.
    """
    for name, part in (("validate", split.valid), ("test", split.test)):
        if len(part) == 0:
            raise DataError(f"split: no interactions are left to {name} on")
    _check_model(recipe.model, split, trained=True)
    for method in recipe.methods:
        try:
            _check_method(recipe, method, split)
        except (ConfigError, DataError, ModelError) as error:
            raise type(error)(f"methods.{method}: {error}") from None
    for model in recipe.references:
        _check_model(model, split, trained=False)


def _open(recipe: Recipe, path: str | Path) -> Experiment:
    """Check the recipe, then open the folder."""
    split = check(recipe)
    run = Run.create(path, recipe.model_dump(mode="json"), split.fingerprint())
    if not run.environment_path.exists():
        write_json(run.environment_path, environment())
    return Experiment(recipe, split, run)


def _check_model(model: ModelRecipe, split: Split, *, trained: bool) -> Backbone:
    """Return the model built on one user's interactions, so that what it cannot do is told before any work."""
    few = split.train.take(split.train.user == split.train.user_counts().argmax())
    backbone = build(model.name, few, model.parameters)
    if backbone.needs_training != trained:
        raise ConfigError(
            f"the model {model.name} is complete as it is built; name it under references"
            if trained
            else f"the reference {model.name} needs training; references are models such as EASE, ItemKNN and Pop"
        )
    if trained:
        row = torch.arange(len(few)) if backbone.rows is None else backbone.rows
        user, item = (torch.from_numpy(codes.copy())[row] for codes in (few.user, few.item))
        backbone.loss_per_sample(Batch(row, user, item, item))
    return backbone


def _check_method(recipe: Recipe, method: str, split: Split) -> None:
    callback, model = recipe.callback(method), recipe.model_of(method)
    if recipe.training_of(method).refit:
        check_refit(model.name, callback)
    backbone = _check_model(model, split, trained=True)
    if callback is not None:
        check_weighable(backbone, [callback])
        callback.check(backbone, split)


def _execute(name: str, experiment: Experiment, trials: Sequence[Trial], executor: Executor, stage: Stage) -> None:
    """Run the trials that are not done yet; what one that was killed at its very end left behind is removed."""
    left = [trial for trial in trials if not is_done(experiment.run, trial)]
    for trial in trials:
        if trial not in left:
            checkpoint_path(experiment.run, trial).unlink(missing_ok=True)
    if not left:
        return
    experiment.run.log("stage", name=name, trials=len(trials), left=len(left))
    with stage(name, len(left)) as on_progress:
        for position, took in executor.map(run_trial, left, experiment, on_progress):
            folder = left[position].folder(experiment.run).relative_to(experiment.run.path)
            experiment.run.log("trial", folder=str(folder), **took)
            on_progress(position, 1.0)


def _write_values(run: Run, recipe: Recipe) -> None:
    """Write the values of the recipe's valuator, each seed one estimate."""
    if recipe.valuator is not None:
        folders = [MethodTrial(recipe.valuator, seed).folder(run) for seed in recipe.seeds]
        Values.mean_of([Values.read(folder / "values.parquet") for folder in folders]).save(run.values_path)


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
