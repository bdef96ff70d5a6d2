"""Trials: the trainings and valuations that a recipe consists of, each of which can be continued.

A training is a task that any executor can run; a valuation is given the executor, and distributes its own tasks. How
they are run and kept: `recval.recipes.executing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from recval.data import Split
from recval.engine import Executor
from recval.engine.executor import Report
from recval.games import Values
from recval.recipes.fitting import Result, fit
from recval.recipes.models import ModelRecipe
from recval.recipes.schema import Recipe, share_name
from recval.recipes.valuing import value
from recval.rng import numpy_generator
from recval.store.run import Run
from recval.training import Training
from recval.valuation.standalone.base import StandaloneValuator, Valued

RemovalOrder = Literal["lowest", "highest", "random"]
REMOVAL_ORDERS: tuple[RemovalOrder, ...] = get_args(RemovalOrder)


@dataclass(frozen=True)
class Experiment:
    """What every trial of a run shares; it goes to a worker once.

    Attributes:
        recipe: what was asked for.
        split: its data.
        run: where the trials are kept.
        metrics: what to evaluate on the test part; where there are none, it is not looked at.
    """

    recipe: Recipe
    split: Split
    run: Run
    metrics: tuple[str, ...]


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
        """Train, and evaluate if there is anything to."""
        recipe, model = experiment.recipe, self.model_of(experiment.recipe)
        return fit(
            experiment.split,
            model.name,
            recipe.callback(self.method),
            parameters=model.parameters,
            training=self.training_of(recipe),
            metrics=experiment.metrics,
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
            metrics=experiment.metrics,
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
            metrics=experiment.metrics,
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


@dataclass(frozen=True)
class ValuationTrial:
    """One valuation by a method that stands alone."""

    method: str
    seed: int

    def folder(self, run: Run) -> Path:
        """Return where the trial is kept; as that of a training with a method."""
        return MethodTrial(self.method, self.seed).folder(run)

    def execute(self, experiment: Experiment, executor: Executor, checkpoint: Path, report: Report) -> Valued:
        """Value the training interactions."""
        recipe = experiment.recipe
        valuator, model = recipe.methods[self.method], recipe.model_of(self.method)
        assert isinstance(valuator, StandaloneValuator)
        return value(
            experiment.split,
            valuator,
            model=model.name,
            parameters=model.parameters,
            training=recipe.training_of(self.method),
            rng=self.seed,
            executor=executor,
            checkpoint=checkpoint,
            report=report,
        )


TrainingTrial = MethodTrial | ReferenceTrial | RemovalTrial
Trial = TrainingTrial | ValuationTrial
