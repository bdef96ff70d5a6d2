"""The models of a run: one for each split and seed, each a task that any executor can run.

A trial is done when its `evaluation.json` exists, which is written last; one that was interrupted is fitted anew.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from recval.engine.executor import Report
from recval.recipes.uplift.evaluating import evaluate, warned
from recval.recipes.uplift.folder import UpliftRun
from recval.recipes.uplift.predicting import names_of, predictions, uplift_table
from recval.recipes.uplift.schema import UpliftRecipe
from recval.store.files import write_json, write_table
from recval.uplift.customers import Customers
from recval.uplift.model import UpliftModel
from recval.uplift.settings import UpliftSettings

_FITTING = 0.8
"""The share of a trial's time that fitting takes, as far as its progress goes."""


@dataclass(frozen=True)
class Experiment:
    """What every trial of a run shares; it goes to a worker once."""

    recipe: UpliftRecipe
    customers: Customers
    run: UpliftRun


@dataclass(frozen=True)
class UpliftTrial:
    """One model: of a split, counted from 0, and a seed."""

    split: int
    seed: int

    def folder(self, run: UpliftRun) -> Path:
        """Return where the trial is kept."""
        return run.trial_path(self.split, self.seed)

    def evaluation_path(self, run: UpliftRun) -> Path:
        """Return what the model was found to do; written last."""
        return self.folder(run) / "evaluation.json"

    def is_done(self, run: UpliftRun) -> bool:
        """Return whether the trial has been run to its end."""
        return self.evaluation_path(run).is_file()


def trials_of(recipe: UpliftRecipe) -> list[UpliftTrial]:
    """Return the trials of a recipe, the one whose model is the run's first."""
    return [UpliftTrial(split, seed) for split in range(recipe.split.repeats) for seed in recipe.seeds]


def run_trial(experiment: Experiment, trial: UpliftTrial, report: Report) -> float:
    """Fit a model, predict for the customers held out, and find out what that is worth; return the seconds.

    Raises:
        DataError: the customers are too few.
        ModelError: the model cannot be trained so.
    """
    started, recipe, folder = time.perf_counter(), experiment.recipe, trial.folder(experiment.run)
    rest, test = recipe.split.hold_out(experiment.customers, trial.split)
    settings = {name: getattr(recipe.model, name) for name in UpliftSettings.model_fields}
    model = UpliftModel(**settings, rng=trial.seed)
    with warned() as lines:
        model.fit_customers(rest, report=lambda fraction: report(_FITTING * fraction))
    predicted = predictions(model, test.features)
    found = evaluate(uplift_table(predicted), test, recipe.evaluation, recipe.targeting)
    model.save(folder / "model")
    write_table(folder / "scored.parquet", pa.Table.from_pandas(_scored(test, predicted), preserve_index=False))
    write_json(trial.evaluation_path(experiment.run), {**found, "warnings": [*lines, *found["warnings"]]})
    return round(time.perf_counter() - started, 3)


def _scored(test: Customers, predicted: pd.DataFrame) -> pd.DataFrame:
    """Return the customers with what was predicted for them, and the true uplift where it is known."""
    known = pd.DataFrame({"arm": names_of(test.arm, test.arms), "response": test.response})
    truth = pd.DataFrame(
        {} if test.truth is None else {f"true_{name}": test.truth[:, at] for at, name in enumerate(test.arms[1:])}
    )
    return pd.concat([test.features, known, predicted, truth], axis=1)
