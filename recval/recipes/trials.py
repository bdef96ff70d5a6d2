"""Trials: the trainings that a recipe consists of, each a task that any executor can run and that can be continued.

A trial is done when its `metrics.json` exists, which is written last. A trial that was interrupted continues from its
checkpoint; what it ends with is what it would have ended with.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recval.data import Split
from recval.engine.executor import Report
from recval.games import Values
from recval.recipes.fitting import Result, fit
from recval.recipes.models import ModelRecipe
from recval.recipes.schema import Recipe, share_name
from recval.rng import numpy_generator
from recval.store.files import write_json, write_table, write_tensors
from recval.store.run import Run
from recval.training import Training

RemovalOrder = Literal["lowest", "highest", "random"]
REMOVAL_ORDERS: tuple[RemovalOrder, ...] = get_args(RemovalOrder)


@dataclass(frozen=True)
class Experiment:
    """What every trial of a run shares; it goes to a worker once."""

    recipe: Recipe
    split: Split
    run: Run


@dataclass(frozen=True)
class MethodTrial:
    """One training with one method and seed."""

    method: str
    seed: int

    def folder(self, run: Run) -> Path:
        """Return where the trial is kept."""
        return run.trial_path("methods", self.method, self.seed)

    def model_of(self, recipe: Recipe) -> ModelRecipe:
        """Return the model that is trained."""
        return recipe.model_of(self.method)

    def training_of(self, recipe: Recipe) -> Training:
        """Return how it is trained."""
        return recipe.training_of(self.method)

    def execute(self, experiment: Experiment, checkpoint: Path, report: Report) -> Result:
        """Train and evaluate."""
        recipe, model = experiment.recipe, self.model_of(experiment.recipe)
        return fit(
            experiment.split,
            model.name,
            recipe.callback(self.method),
            parameters=model.parameters,
            training=self.training_of(recipe),
            metrics=recipe.metrics,
            rng=self.seed,
            checkpoint=checkpoint,
            report=report,
        )


@dataclass(frozen=True)
class ReferenceTrial:
    """A model that needs no training, to compare with."""

    model: ModelRecipe

    def folder(self, run: Run) -> Path:
        """Return where the trial is kept."""
        return run.trial_path("references", self.model.name)

    def model_of(self, recipe: Recipe) -> ModelRecipe:
        """Return the model that is built."""
        return self.model

    def training_of(self, recipe: Recipe) -> Training:
        """Return the recipe's settings of training, of which only some concern a model that needs none."""
        return recipe.training

    def execute(self, experiment: Experiment, checkpoint: Path, report: Report) -> Result:
        """Build and evaluate."""
        return fit(
            experiment.split,
            self.model.name,
            parameters=self.model.parameters,
            training=experiment.recipe.training,
            metrics=experiment.recipe.metrics,
        )


@dataclass(frozen=True)
class RemovalTrial:
    """One plain training without some of the training interactions.

    Attributes:
        order: which interactions are dropped first.
        fraction: the share that is dropped.
        seed: the seed of training, and of the random order.
    """

    order: RemovalOrder
    fraction: float
    seed: int

    def folder(self, run: Run) -> Path:
        """Return where the trial is kept."""
        return run.trial_path("removal", self.order, share_name(self.fraction), self.seed)

    def model_of(self, recipe: Recipe) -> ModelRecipe:
        """Return the model that is trained: the one whose interactions were valued."""
        return recipe.model_of(_valued(recipe))

    def execute(self, experiment: Experiment, checkpoint: Path, report: Report) -> Result:
        """Drop, train and evaluate; what was dropped is still never recommended."""
        recipe, split = experiment.recipe, experiment.split
        kept, model = split.train.take(self._kept(Values.read(experiment.run.values_path))), self.model_of(recipe)
        return fit(
            Split(kept, split.valid, split.test),
            model.name,
            parameters=model.parameters,
            training=recipe.training_of(_valued(recipe)),
            metrics=recipe.metrics,
            rng=self.seed,
            known=split.train,
            checkpoint=checkpoint,
            report=report,
        )

    def _kept(self, values: Values) -> npt.NDArray[np.integer]:
        """Return the rows that are left, in their order."""
        order = values.order()
        if self.order == "lowest":
            order = order[::-1]
        elif self.order == "random":
            order = numpy_generator(self.seed, "removal").permutation(len(values))
        return np.sort(order[round(self.fraction * len(values)) :])


def _valued(recipe: Recipe) -> str:
    assert recipe.valuator is not None
    return recipe.valuator


Trial = MethodTrial | ReferenceTrial | RemovalTrial


def run_trial(experiment: Experiment, trial: Trial, report: Report) -> dict[str, float | bool]:
    """Run a trial, and keep what it gave in its folder.

    Returns:
        What the log says of it: how many `seconds` it took, and whether it `continued` what was interrupted.
    """
    checkpoint = checkpoint_path(experiment.run, trial)
    continued, started = checkpoint.exists(), time.perf_counter()
    result = trial.execute(experiment, checkpoint, report)
    _keep(result, trial.model_of(experiment.recipe), trial.folder(experiment.run))
    checkpoint.unlink(missing_ok=True)
    return {"seconds": round(time.perf_counter() - started, 3), "continued": continued}


def checkpoint_path(run: Run, trial: Trial) -> Path:
    """Return where a trial keeps what it takes to continue, until it is done."""
    return trial.folder(run) / "checkpoint.safetensors"


def is_done(run: Run, trial: Trial) -> bool:
    """Return whether a trial has been run to its end."""
    return (trial.folder(run) / "metrics.json").exists()


def _keep(result: Result, model: ModelRecipe, folder: Path) -> None:
    write_table(folder / "per_user.parquet", pa.Table.from_pandas(result.per_user.reset_index()))
    if result.progress.history:
        write_table(folder / "history.parquet", pa.Table.from_pylist(_padded(result.progress.history)))
    if result.values is not None:
        result.values.save(folder / "values.parquet")
    if result.explainer_state is not None:
        write_tensors(folder / "valuator.safetensors", result.explainer_state)
    write_tensors(folder / "model.safetensors", result.backbone.state_dict())
    write_json(folder / "model.json", {"model": model.model_dump(mode="json"), **_sizes(result.split)})
    progress = result.progress
    best = progress.history[progress.best_epoch - 1] if progress.best_epoch else {}
    validation = {name: value for name, value in best.items() if name not in ("epoch", "loss")}
    metrics = {name: None if math.isnan(value) else value for name, value in result.metrics.items()}
    found = {"metrics": metrics, "validation": validation}
    write_json(folder / "metrics.json", {**found, "epochs": progress.epoch, "best_epoch": progress.best_epoch})


def _sizes(split: Split) -> dict[str, int]:
    return {"users": len(split.users), "items": len(split.items), "training_interactions": len(split.train)}


def _padded(history: list[dict[str, float]]) -> list[dict[str, float | None]]:
    """Return the epochs with the same keys in each, None where an epoch had no validation."""
    keys = dict.fromkeys(key for entry in history for key in entry)
    return [{key: entry.get(key) for key in keys} for entry in history]
