"""What a study may say: an ordinary recipe's fields, and the backbones and noise settings that it is repeated for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from recval.declarations import Declaration, checked, validate
from recval.errors import ConfigError
from recval.recipes.methods import Method
from recval.recipes.models import Model
from recval.recipes.noise import Noise
from recval.recipes.schema import Data, MethodsRecipe, Recipe, distinct_folders
from recval.recipes.splits import AnySplit, RatioSplit
from recval.report.study_sentences import FREE, LABELS
from recval.training import Training


def _not_reserved(backbones: Mapping[str, object]) -> None:
    for name, meaning in ((FREE, "what takes no valuation"), (LABELS, "what was fitted to the labels of noise")):
        if name in backbones:
            raise ConfigError(f"{name!r} stands for {meaning}; rename the backbone")


Stage = Literal["detection", "curves", "targets", "stability", "cost"]
STAGES: tuple[Stage, ...] = ("detection", "curves", "targets", "stability", "cost")


class BackboneRecipe(Declaration):
    """A backbone of a study.

    Attributes:
        model: its name, and parameters that replace its defaults.
        training: how it is trained; by default as the study says.
        methods: methods that it has in place of the study's of the same name, or besides.
    """

    model: Model
    training: Training | None = None
    methods: dict[str, Method] = {}


@dataclass(frozen=True)
class Cell:
    """One run of a study.

    Attributes:
        noise: the name of the noise setting.
        backbone: the name of the backbone.
        recipe: what is run.
    """

    noise: str
    backbone: str
    recipe: Recipe


class Study(MethodsRecipe):
    """A whole study: what is compared, for several backbones and noise settings.

    Attributes:
        description: what it asks, for the reader of the report.
        data: the name of a data set's card, or a source of one's own.
        split: how to hold out.
        noise: the noise settings, by name; None leaves the data as it is.
        backbones: the backbones, by name.
        stages: the questions to ask.
    """

    description: str = ""
    data: Data
    split: AnySplit = RatioSplit()
    noise: Annotated[dict[str, Noise | None], Field(min_length=1), checked(distinct_folders)] = {"as it is": None}
    backbones: Annotated[
        dict[str, BackboneRecipe], Field(min_length=1), checked(distinct_folders), checked(_not_reserved)
    ]
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)] = STAGES

    @model_validator(mode="after")
    def _every_cell_is_a_recipe(self) -> Study:
        for noise, backbone in self._names():
            try:
                self._recipe(noise, backbone)
            except ConfigError as error:
                raise ValueError(f"{backbone} with the noise {noise!r}: {error}") from None
        return self

    def cells(self) -> list[Cell]:
        """Return the runs, one noise setting after the other."""
        return [Cell(noise, backbone, self._recipe(noise, backbone)) for noise, backbone in self._names()]

    def _names(self) -> Iterator[tuple[str, str]]:
        return ((noise, backbone) for noise in self.noise for backbone in self.backbones)

    def _recipe(self, noise: str, backbone: str) -> Recipe:
        own = self.backbones[backbone]
        shared = {name: getattr(self, name) for name in ("data", "split", "metrics", "seeds", "references")}
        return validate(
            {
                **shared,
                "description": f"{self.description} Noise: {noise}; backbone: {backbone}.".strip(),
                "noise": self.noise[noise],
                "model": own.model,
                "training": own.training or self.training,
                "methods": self.methods | own.methods,
                "removal": self.removal if "curves" in self.stages else None,
            },
            Recipe,
        )
