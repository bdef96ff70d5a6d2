"""What can be checked of a recipe without any work: names, data, models, methods."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from recval.adapter.rewards.validation import without_test
from recval.backbones import Backbone, Batch, build
from recval.data import Split
from recval.errors import ConfigError, DataError
from recval.recipes.fitting import check_refit
from recval.recipes.method import naming
from recval.recipes.models import ModelRecipe
from recval.recipes.schema import Recipe
from recval.training import check_weighable
from recval.valuation.standalone.base import StandaloneValuator


def check(recipe: Recipe) -> Split:
    """Check all that can be checked without training, and return the data, held out as the recipe says.

    A recipe whose methods all stand alone is checked for valuation, any other one for a run.

    Raises:
        ConfigError: the recipe names something that there is not.
        DataError: the data is not what it must be.
        ModelError: a model cannot be built.
    """
    split = recipe.split_data()
    if recipe.trained:
        check_run(recipe, split)
    else:
        check_valuation(recipe, split)
    return split


def check_run(recipe: Recipe, split: Split) -> None:
    """Check all that can be checked of a run without training, on its data, already held out.

    Raises:
        ConfigError: as for `check`.
        DataError: as for `check`.
        ModelError: as for `check`.
    """
    if not recipe.trained:
        raise ConfigError("no method of this recipe trains a model that could be tested; use recval value")
    for name, part in (("validate", split.valid), ("test", split.test)):
        if len(part) == 0:
            raise DataError(f"split: no interactions are left to {name} on")
    _check_model(recipe.model, split, trained=True)
    _check_methods(recipe, recipe.methods, split)
    for model in recipe.references:
        _check_model(model, split, trained=False)


def check_valuation(recipe: Recipe, split: Split) -> None:
    """Check all that can be checked of what `run_valuation` runs, as `check_run` does; the test part may be empty.

    Raises:
        ConfigError: as for `check`.
        DataError: as for `check`.
        ModelError: as for `check`.
    """
    if not recipe.valuators:
        raise ConfigError("no method of this recipe gives values; name one such as knn-shapley, loss or dvr")
    _check_methods(recipe, [*recipe.trained_for_values, *recipe.standalone], without_test(split))


def _check_methods(recipe: Recipe, methods: Iterable[str], split: Split) -> None:
    for method in methods:
        with naming(method):
            _check_method(recipe, method, split)


def _check_method(recipe: Recipe, method: str, split: Split) -> None:
    valuator = recipe.methods[method]
    if isinstance(valuator, StandaloneValuator):
        valuator.check(without_test(split))
        return
    callback, model = recipe.callback(method), recipe.model_of(method)
    if recipe.training_of(method).refit:
        check_refit(model.name, callback)
    backbone = _check_model(model, split, trained=True)
    if callback is not None:
        check_weighable(backbone, [callback])
        callback.check(backbone, split)


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
