"""Why training interactions of a run have their values: each is looked into in the batch that it was valued in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recval.adapter.observation import Observer
from recval.backbones import Backbone
from recval.data import Split
from recval.errors import ConfigError, RunError, unknown
from recval.games import Values
from recval.recipes.schema import Recipe
from recval.recipes.trained import backbone_of
from recval.recipes.trials import MethodTrial
from recval.store.files import read_tensors, write_json
from recval.store.run import Run
from recval.training import TripletSampler
from recval.valuation import DVRSettings, Valuator
from recval.valuation.estimating import estimate_batches, observe
from recval.valuation.explanation import explain


@dataclass(frozen=True, eq=False)
class Explainer:
    """Explains the values that one training of a run gave, by the first of their estimates.

    A batch can be drawn again only on the sort of device that it was drawn on; a run of another device is explained
    in batches that are alike, but not the same.

    Attributes:
        split: what was trained on.
        seed: the seed of the training.
        batch_size: samples a batch.
        backbone: the trained model.
        observer: observes its samples.
        sampler: draws the batches.
        valuator: what gave the values.
    """

    split: Split
    seed: int
    batch_size: int
    backbone: Backbone
    observer: Observer
    sampler: TripletSampler
    valuator: Valuator

    @classmethod
    def open(
        cls, run: Run, recipe: Recipe, split: Split, seed: int | None = None, method: str | None = None
    ) -> Explainer:
        """Read back what gave the values of a run.

        Args:
            run: the run.
            recipe: its recipe.
            split: its data, held out as in the run.
            seed: the seed that it was trained with; by default the first.
            method: what gave the values; by default the valuator of the recipe.

        Raises:
            ConfigError: there is no such seed.
            RunError: the run keeps no valuator, or a file is damaged.
        """
        if seed is not None and seed not in recipe.seeds:
            raise ConfigError(unknown("seed", seed, map(str, recipe.seeds)))
        trial = MethodTrial(method or str(recipe.valuator), recipe.seeds[0] if seed is None else seed)
        settings, training = recipe.methods[trial.method], trial.training_of(recipe)
        if not isinstance(settings, DVRSettings):
            raise RunError(f"values of kind {settings.kind} do not fall into parts; those of kinds dvr and dvrl do")
        state = _valuator_state(run, trial)
        device = torch.device(training.device if torch.cuda.is_available() else "cpu")
        backbone = backbone_of(run, recipe, trial, split, device)
        observer = Observer(backbone, split.train, settings.inputs, device, valid=split.valid)
        slots = min(training.batch_size, len(split.train))
        valuator = Valuator.of(settings, sum(observer.widths.values()), slots).to(device)
        valuator.load_state_dict(state)
        sampler = TripletSampler(split.train, device)
        return cls(split, trial.seed, training.batch_size, backbone, observer, sampler, valuator)

    def __call__(self, row: int, top: int = 5) -> dict[str, Any]:
        """Return why a training interaction has its value.

        Args:
            row: its position in the training part.
            top: how many of the other interactions to name.

        Returns:
            What `recval.valuation.explanation.Explanation` says, in plain types, by the ids of users and items.

        Raises:
            RunError: the interaction is no sample of the model.
        """
        rows = self.backbone.rows
        if rows is not None and not (rows == row).any():
            raise RunError(
                "this interaction is no sample of the model, such as the first of a user in a sequential one: its "
                "value is the mean of the others, so there is nothing to explain; ask for another"
            )
        batches = estimate_batches(self.sampler, self.batch_size, self.seed, 0, rows)
        batch = next(batch for batch in batches if (batch.row == row).any())
        position = int((batch.row == row).nonzero())
        observations = observe(self.backbone, self.observer, batch)
        found = asdict(explain(self.valuator, observations, position, self.observer.widths, top))
        partners = [
            {**self._pair(int(batch.row[partner["position"]])), "share": partner["share"]}
            for partner in found["partners"]
        ]
        return {**self._pair(row), "seed": self.seed, **found, "partners": partners}

    def _pair(self, row: int) -> dict[str, object]:
        train = self.split.train
        return {
            "user": train.users.names(train.user[[row]])[0],
            "item": train.items.names(train.item[[row]])[0],
        }


def write_explanations(run: Run, recipe: Recipe, split: Split) -> None:
    """Write why the most and the least valuable interaction have their values, if the run keeps a valuator."""
    if recipe.valuator is None or not _state_path(run, MethodTrial(recipe.valuator, recipe.seeds[0])).exists():
        return
    explained, order = Explainer.open(run, recipe, split), Values.read(run.values_path).order()
    if (rows := explained.backbone.rows) is not None:
        order = order[np.isin(order, rows.cpu())]
    write_json(run.explanations_path, [explained(int(row)) for row in dict.fromkeys((order[0], order[-1]))])


def _state_path(run: Run, trial: MethodTrial) -> Path:
    return trial.folder(run) / "valuator.safetensors"


def _valuator_state(run: Run, trial: MethodTrial) -> dict[str, torch.Tensor]:
    path = _state_path(run, trial)
    if not path.exists():
        raise RunError(
            f"the values of {trial.method} cannot be explained: there is no {path}, which methods of kind dvr and "
            "dvrl write; run the recipe anew"
        )
    return read_tensors(path)[0]
