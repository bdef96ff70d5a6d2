"""What a recipe may say: data, split, model, training, methods to compare, metrics, seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from recval.backbones import complete
from recval.data import DataSource, Split, dataset_card
from recval.declarations import Declaration, checked
from recval.errors import ConfigError, DataError, unknown
from recval.ranking import parse
from recval.recipes.splits import AnySplit, CardSplit, RatioSplit, Seed
from recval.store.run import folder_name
from recval.training import Callback, Training
from recval.valuation import DVR, Balanced, DVRSettings, ReweightedLoss, Shuffled, TruncatedLoss, Uniform


class ModelRecipe(Declaration):
    """A backbone: its name (`recval models list`), and parameters that replace its defaults."""

    name: str
    parameters: dict[str, Any] = {}


Model = Annotated[ModelRecipe, checked(lambda model: complete(model.name, model.parameters))]


def _distinct(values: Sequence[object]) -> None:
    if len(set(values)) < len(values):
        raise ConfigError(f"no entry may stand twice, got {list(values)}")


class MethodRecipe(Declaration):
    """What every method may set for itself.

    Attributes:
        model: the backbone; by default that of the recipe.
        training: how it is trained; by default as the recipe says.
    """

    model: Model | None = None
    training: Training | None = None


class Plain(MethodRecipe):
    """Training without weights."""

    kind: Literal["plain"] = "plain"


class UniformMethod(MethodRecipe):
    """See `recval.valuation.Uniform`."""

    kind: Literal["uniform"] = "uniform"


class BalancedMethod(MethodRecipe):
    """See `recval.valuation.Balanced`."""

    kind: Literal["balanced"] = "balanced"
    alpha: float = Field(0.5, ge=0, le=2)


class TruncatedLossMethod(MethodRecipe):
    """See `recval.valuation.TruncatedLoss`."""

    kind: Literal["t-ce"] = "t-ce"
    rate: float = Field(0.1, ge=0, lt=1)
    steps: int = Field(1000, ge=1)


class ReweightedLossMethod(MethodRecipe):
    """See `recval.valuation.ReweightedLoss`."""

    kind: Literal["r-ce"] = "r-ce"
    beta: float = Field(0.1, ge=0, allow_inf_nan=False)


class DVRMethod(DVRSettings, MethodRecipe):
    """See `recval.valuation.DVR`."""

    kind: Literal["dvr"] = "dvr"


class ShuffledMethod(MethodRecipe):
    """The weights of a method of kind `dvr`, given to the wrong samples; see `recval.valuation.Shuffled`."""

    kind: Literal["shuffled"] = "shuffled"
    of: str


Method = Annotated[
    Plain | UniformMethod | BalancedMethod | TruncatedLossMethod | ReweightedLossMethod | DVRMethod | ShuffledMethod,
    Field(discriminator="kind"),
]


class Removal(Declaration):
    """The removal curve: drop training interactions by value, train the plain backbone again, measure.

    Attributes:
        method: the method of kind `dvr` whose values, over all seeds, give the order.
        fractions: the shares to drop of the lowest, of the highest, and at random.
        seeds: the seeds to train with.
    """

    method: str
    fractions: Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], ...], checked(_distinct)] = (
        0.1,
        0.2,
        0.3,
        0.4,
        0.5,
    )
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1), checked(_distinct)] = (0,)


class DataRecipe(Declaration):
    """Data, and how some of it is held out.

    Attributes:
        description: what it is for, for the reader.
        data: the name of a data set's card, or a source of one's own.
        split: how to hold out.
    """

    description: str = ""
    data: Annotated[
        Annotated[str, checked(dataset_card), Tag("name")] | Annotated[DataSource, Tag("source")],
        Discriminator(lambda data: "name" if isinstance(data, str) else "source"),
    ]
    split: AnySplit = RatioSplit()

    @model_validator(mode="after")
    def _split_is_there(self) -> Self:
        if isinstance(self.split, CardSplit):
            try:
                self.split.card(self.data)
            except ConfigError as error:
                raise ValueError(f"split: {error}") from None
        return self

    def split_data(self) -> Split:
        """Load the data and hold out.

        Raises:
            ConfigError: there is no such data set.
            DataError: the data is not what it must be.
        """
        try:
            if isinstance(self.split, CardSplit):
                return self.split.load(self.data)
            interactions = dataset_card(self.data).load() if isinstance(self.data, str) else self.data.load()
        except DataError as error:
            raise DataError(f"data: {error}") from None
        try:
            return self.split.apply(interactions)
        except DataError as error:
            raise DataError(f"split: {error}") from None


class Recipe(DataRecipe):
    """A whole experiment.

    Attributes:
        description: what it asks, for the reader of the report.
        data: the name of a data set's card, or a source of one's own.
        split: how to hold out.
        model: the backbone.
        training: how to train it.
        metrics: what to report on the test part.
        seeds: the seeds of each method; the split stays the same.
        methods: what to compare, by name; the first is the baseline.
        references: models without training (EASE, Pop, ItemKNN, …) to be listed beside the methods.
        removal: the removal curve, if one is wanted.
    """

    model: Model
    training: Training = Training()
    metrics: Annotated[tuple[Annotated[str, checked(parse)], ...], Field(min_length=1), checked(_distinct)] = (
        "ndcg@10",
        "recall@10",
    )
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1), checked(_distinct)] = (0, 1, 2, 3, 4)
    methods: dict[str, Method] = Field(min_length=1)
    references: Annotated[tuple[Model, ...], checked(lambda models: _distinct([model.name for model in models]))] = ()
    removal: Removal | None = None

    @field_validator("methods")
    @classmethod
    def _distinct_folders(cls, methods: dict[str, Method]) -> dict[str, Method]:
        folders: dict[str, str] = {}
        for name in methods:
            other = folders.setdefault(folder_name(name), name)
            if other != name:
                raise ValueError(f"the methods {other!r} and {name!r} would share a folder; rename one")
        return methods

    @model_validator(mode="after")
    def _names_are_distinct(self) -> Recipe:
        shared = next((model.name for model in self.references if model.name in self.methods), None)
        if shared is not None:
            raise ValueError(f"{shared!r} names a method and a reference; rename the method")
        return self

    @model_validator(mode="after")
    def _valuators_exist(self) -> Recipe:
        valuators = [name for name, method in self.methods.items() if method.kind == "dvr"]
        named = [method.of for method in self.methods.values() if isinstance(method, ShuffledMethod)]
        for name in [*named, *([self.removal.method] if self.removal else [])]:
            if name not in valuators:
                raise ValueError(unknown("method of kind dvr", name, valuators))
        return self

    @property
    def valuator(self) -> str | None:
        """The method whose values are the run's: that of the removal curve, else the first of kind `dvr`."""
        if self.removal is not None:
            return self.removal.method
        return next((name for name, method in self.methods.items() if method.kind == "dvr"), None)

    def model_of(self, method: str) -> ModelRecipe:
        """Return the backbone that a method trains."""
        return self.methods[method].model or self.model

    def training_of(self, method: str) -> Training:
        """Return how a method's backbone is trained."""
        return self.methods[method].training or self.training

    def callback(self, method: str) -> Callback | None:
        """Return a fresh callback that weighs as a method does; None for plain training."""
        recipe = self.methods[method]
        match recipe:
            case UniformMethod():
                return Uniform()
            case BalancedMethod():
                return Balanced(recipe.alpha)
            case TruncatedLossMethod():
                return TruncatedLoss(recipe.rate, recipe.steps)
            case ReweightedLossMethod():
                return ReweightedLoss(recipe.beta)
            case DVRMethod():
                return self._valuator(method)
            case ShuffledMethod():
                return Shuffled(self._valuator(recipe.of))
            case _:
                return None

    def _valuator(self, method: str) -> DVR:
        settings = self.methods[method].model_dump(exclude={"kind", "model", "training"})
        return DVR(**settings)
