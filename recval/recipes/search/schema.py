"""What a search may say: data, split, model, training, the space, and how many trials go how into it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator, model_validator

from recval.backbones import complete
from recval.declarations import Declaration, validate
from recval.errors import ConfigError, RecvalError, unknown
from recval.recipes.models import Model, ModelRecipe
from recval.recipes.schema import DataRecipe
from recval.recipes.splits import Seed
from recval.training import Training

Number = Annotated[int | float, Field(allow_inf_nan=False)]

_NOT_SEARCHED = {"monitor", "device", "refit"}
"""Settings of training without which trials could not be compared, or which no validation metric depends on."""


class Choices(Declaration):
    """Values without an order to go by.

    Attributes:
        choices: the values, two or more.
    """

    choices: tuple[Any, ...] = Field(min_length=2)

    @field_validator("choices")
    @classmethod
    def _distinct(cls, choices: tuple[Any, ...]) -> tuple[Any, ...]:
        if any(choice in choices[:place] for place, choice in enumerate(choices)):
            raise ValueError(f"no choice may stand twice, got {list(choices)}")
        return choices

    @property
    def extremes(self) -> tuple[Any, ...]:
        """The values that must be in order for all to be."""
        return self.choices

    def listed(self) -> tuple[Any, ...]:
        """Return all values."""
        return self.choices


class Range(Declaration):
    """Numbers from `low` to `high`, both included; whole ones where `low`, `high` and `step` are.

    Attributes:
        low: the lowest.
        high: the highest.
        log: draw evenly on the scale of the logarithm.
        step: the distance of neighbours; any number in between by default, whole numbers 1 apart.
    """

    low: Number
    high: Number
    log: bool = False
    step: Number | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if not self.low < self.high:
            raise ValueError(f"low must be below high, got {self.low} and {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic range begins above 0, got {self.low}")
        if self.step is not None and (self.log or not 0 < self.step <= self.high - self.low):
            raise ValueError(f"step must be above 0, at most high - low, and without log, got {self.step}")
        return self

    @property
    def is_whole(self) -> bool:
        """Whether the numbers are whole."""
        return all(isinstance(number, int) for number in (self.low, self.high, self.step or 1))

    @property
    def extremes(self) -> tuple[Any, ...]:
        """The values that must be in order for all to be."""
        return self.low, self.high

    def listed(self) -> tuple[Any, ...]:
        """Return all values.

        Raises:
            ConfigError: they are without number.
        """
        step = self.step or (1 if self.is_whole else None)
        if step is None:
            raise ConfigError("a grid needs choices or a step")
        return tuple(self.low + place * step for place in range(math.floor((self.high - self.low) / step + 1e-9) + 1))


def _form(value: object) -> str:
    return "choices" if isinstance(value, Choices) or (isinstance(value, Mapping) and "choices" in value) else "range"


Candidates = Annotated[
    Annotated[Choices, Tag("choices")] | Annotated[Range, Tag("range")],
    Discriminator(_form),
]


class Space(Declaration):
    """What is searched.

    Attributes:
        model: candidates for parameters of the model.
        training: candidates for settings of training.
    """

    model: dict[str, Candidates] = {}
    training: dict[str, Candidates] = {}

    @property
    def candidates(self) -> dict[str, Choices | Range]:
        """All candidates, by dotted key, such as `model.embedding_size`."""
        model = {f"model.{key}": values for key, values in self.model.items()}
        return model | {f"training.{key}": values for key, values in self.training.items()}


class Search(DataRecipe):
    """A whole search.

    Attributes:
        description: what is tuned, for the reader.
        data: the name of a data set's card, or a source of one's own.
        split: how to hold out; the test part is left alone.
        model: the model, and the parameters that are the same in every trial.
        training: how to train, where the space says nothing else; its `monitor` is the figure that is searched by.
        space: what is searched.
        trials: how many settings are tried.
        parallel: how many are asked for at once, without knowing of each other's outcome.
        sampler: `tpe` learns from earlier trials (Bergstra et al., NeurIPS 2011), `random` does not, and `grid` takes
            every combination once, in random order.
        seed: the seed of every training, and what the sampler derives from.
    """

    model: Model
    training: Training = Training()
    space: Space
    trials: int = Field(20, ge=1)
    parallel: int = Field(2, ge=1)
    sampler: Literal["tpe", "random", "grid"] = "tpe"
    seed: Seed = 10

    @field_validator("space")
    @classmethod
    def _fits(cls, space: Space, info: ValidationInfo) -> Space:
        if not space.candidates:
            raise ValueError("there is nothing to search; name a parameter under space.model or space.training")
        allowed = set(Training.model_fields) - _NOT_SEARCHED
        for key in space.training:
            if key not in allowed:
                raise ValueError(unknown("setting of training to search", key, allowed))
        if {"model", "training"} <= info.data.keys():
            for key, candidates in space.candidates.items():
                for value in candidates.extremes:
                    _check(info.data["model"], info.data["training"], key, value)
        return space

    @model_validator(mode="after")
    def _countable(self) -> Search:
        if self.sampler == "grid":
            for key, candidates in self.space.candidates.items():
                try:
                    candidates.listed()
                except ConfigError as error:
                    raise ValueError(f"space.{key}: {error}") from None
        return self

    def settings(self, chosen: Mapping[str, Any]) -> tuple[dict[str, Any], Training]:
        """Return the model's parameters and the training of a trial.

        Args:
            chosen: values by dotted key.
        """
        return _settings(self.model, self.training, chosen)

    @property
    def dataset(self) -> str:
        """The name that a model card keeps the outcome under: that of the data set, or of one's own file."""
        source = self.data if isinstance(self.data, str) else self.data.path
        return source.rstrip("/").rpartition("/")[2].partition(".")[0]


def _settings(model: ModelRecipe, training: Training, chosen: Mapping[str, Any]) -> tuple[dict[str, Any], Training]:
    parameters, settings = dict(model.parameters), training.model_dump()
    for key, value in chosen.items():
        room, _, name = key.partition(".")
        (parameters if room == "model" else settings)[name] = value
    return parameters, validate(settings, Training)


def _check(model: ModelRecipe, training: Training, key: str, value: object) -> None:
    try:
        parameters, _ = _settings(model, training, {key: value})
        complete(model.name, parameters)
    except RecvalError as error:
        raise ValueError(f"{key}: {error}") from None
