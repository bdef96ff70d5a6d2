"""From a recipe to a finished run: every trial, the summary, the values, the removal curve, the report.

`run` tests every method that trains a model; `run_valuation` stops at the values, and never meets the test part.
Whatever is in the run's folder already is kept: a run that was interrupted is continued by running it again, and one
that was only valued by running it whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from recval.adapter.rewards.validation import without_test
from recval.data import Split
from recval.engine import Executor
from recval.recipes.checking import check_run, check_valuation
from recval.recipes.executing import evaluate_trial, is_done, is_tested
from recval.recipes.explaining import write_explanations
from recval.recipes.schema import Recipe
from recval.recipes.stages import Stage
from recval.recipes.summary import per_user_table, removal_table, summarise
from recval.recipes.trials import (
    REMOVAL_ORDERS,
    Experiment,
    MethodTrial,
    ReferenceTrial,
    RemovalTrial,
    ValuationTrial,
)
from recval.recipes.valuation import summarise_values, values_over_seeds
from recval.recipes.work import Work
from recval.report import write_report
from recval.store.environment import environment
from recval.store.files import write_json, write_table
from recval.store.run import Run


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
    experiment, work = Experiment(recipe, split, run, recipe.metrics), Work.of(executor, stage)
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

    Where the recipe has a method that trains its model plainly, this is trained too: its time is the unit of cost.

    Raises:
        ConfigError: as for `run`, or no method gives values.
        DataError: as for `run`.
        RunError: as for `run`.
    """
    split = recipe.split_data()
    check_valuation(recipe, split)
    run = _open(recipe, path, split)
    experiment, work = Experiment(recipe, without_test(split), run, ()), Work.of(executor, stage)
    methods = recipe.trained_for_values
    work.train("training", experiment, [MethodTrial(method, seed) for seed in recipe.seeds for method in methods])
    _value(experiment, work)
    run.log("valued")
    return run


def _open(recipe: Recipe, path: str | Path, split: Split) -> Run:
    run = Run.create(path, recipe.model_dump(mode="json"), split.fingerprint())
    if not run.environment_path.exists():
        write_json(run.environment_path, environment())
    return run


def _value(experiment: Experiment, work: Work) -> None:
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
