"""A model that a run trained, read back from its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from recval.backbones import Backbone, build
from recval.data import Split
from recval.declarations import read
from recval.errors import ConfigError, DataError, unknown
from recval.recipes.schema import Recipe
from recval.recipes.trials import MethodTrial, ReferenceTrial
from recval.store.files import read_json, read_tensors
from recval.store.run import Run


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A model of a run, with the parameters that it was evaluated with.

    Attributes:
        backbone: the model.
        split: what it was trained on.
    """

    backbone: Backbone
    split: Split

    @classmethod
    def open(cls, path: str | Path, method: str | None = None, seed: int | None = None) -> TrainedModel:
        """Read a model back.

        Args:
            path: the run's folder.
            method: a method of the run, or a reference; by default the first method that trains.
            seed: the seed that it was trained with; by default the first.

        Raises:
            ConfigError: there is no such method or seed.
            DataError: the data is no longer that of the run.
            RunError: there is no finished run, or a file is missing or damaged.
        """
        run = Run.open(path)
        recipe = read(run.recipe_path, Recipe)
        split = split_of(run, recipe)
        return cls(backbone_of(run, recipe, _trial(recipe, method, seed), split), split)


def backbone_of(
    run: Run, recipe: Recipe, trial: MethodTrial | ReferenceTrial, split: Split, device: str | torch.device = "cpu"
) -> Backbone:
    """Return the model of a trial, with the parameters that it was evaluated with, in evaluation mode.

    Raises:
        RunError: its file is missing or damaged.
    """
    model = trial.model_of(recipe)
    train = (split.with_validation() if trial.training_of(recipe).refit else split).train
    backbone = build(model.name, train, model.parameters, device=device, seed=getattr(trial, "seed", 0))
    backbone.load_state_dict(read_tensors(trial.folder(run) / "model.safetensors")[0])
    return backbone.eval()


def split_of(run: Run, recipe: Recipe) -> Split:
    """Return the data of a run, held out as in the run.

    Raises:
        DataError: the data is no longer what it was.
    """
    split = recipe.split_data()
    if split.fingerprint()["sha256"] != read_json(run.data_path)["sha256"]:
        raise DataError(f"{run.path}: the data is no longer what it was in this run; run the recipe anew")
    return split


def _trial(recipe: Recipe, method: str | None, seed: int | None) -> MethodTrial | ReferenceTrial:
    references = {model.name: ReferenceTrial(model) for model in recipe.references}
    if method in references:
        return references[method]
    name = recipe.trained[0] if method is None else method
    if name not in recipe.trained:
        raise ConfigError(unknown("method", name, [*recipe.trained, *references]))
    if seed is not None and seed not in recipe.seeds:
        raise ConfigError(unknown("seed", seed, map(str, recipe.seeds)))
    return MethodTrial(name, recipe.seeds[0] if seed is None else seed)
