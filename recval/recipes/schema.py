"""What a recipe may say: data, split, model, training, methods to compare, metrics, seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from recval.backbones.recbole.parameters import complete
from recval.data import DataSource, Interactions, Split, dataset_card, leave_one_out, split_by_ratio, split_by_time
from recval.data.splits import Order, split_given
from recval.declarations import Declaration, checked
from recval.errors import ConfigError, DataError, unknown
from recval.ranking import parse
from recval.store.run import folder_name
from recval.training import Callback, Training
from recval.valuation import DVR, Balanced, DVRSettings, ReweightedLoss, Shuffled, TruncatedLoss, Uniform

Shares = tuple[float, float, float]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class RatioSplit(Declaration):
    """A share of each user's interactions; see `recval.data.split_by_ratio`."""

    kind: Literal["ratio"] = "ratio"
    ratios: Shares = (0.8, 0.1, 0.1)
    order: Order = "random"
    seed: Seed = 0

    def apply(self, interactions: Interactions) -> Split:
        """Split the interactions."""
        return split_by_ratio(interactions, self.ratios, order=self.order, rng=self.seed)


class LeaveOneOutSplit(Declaration):
    """The last interaction of each user; see `recval.data.leave_one_out`."""

    kind: Literal["leave-one-out"] = "leave-one-out"
    order: Order = "time"
    seed: Seed = 0

    def apply(self, interactions: Interactions) -> Split:
        """Split the interactions."""
        return leave_one_out(interactions, order=self.order, rng=self.seed)


class TimeSplit(Declaration):
    """What came after a moment; see `recval.data.split_by_time`."""

    kind: Literal["time"] = "time"
    ratios: Shares = (0.8, 0.1, 0.1)

    def apply(self, interactions: Interactions) -> Split:
        """Split the interactions."""
        return split_by_time(interactions, self.ratios)


class GivenSplit(Declaration):
    """One's own parts: `data` is trained on; see `recval.data.split_given`."""

    kind: Literal["given"] = "given"
    valid: DataSource
    test: DataSource

    def apply(self, interactions: Interactions) -> Split:
        """Join the parts."""
        return split_given(interactions, self.valid.load(), self.test.load())


class ModelRecipe(Declaration):
    """A backbone: RecBole's name of it, and parameters that replace its defaults."""

    name: str
    parameters: dict[str, Any] = {}


Model = Annotated[ModelRecipe, checked(lambda model: complete(model.name, model.parameters))]


def _distinct(values: Sequence[object]) -> None:
    if len(set(values)) < len(values):
        raise ConfigError(f"no entry may stand twice, got {list(values)}")


class Plain(Declaration):
    """Training without weights."""

    kind: Literal["plain"] = "plain"


class UniformMethod(Declaration):
    """See `recval.valuation.Uniform`."""

    kind: Literal["uniform"] = "uniform"


class BalancedMethod(Declaration):
    """See `recval.valuation.Balanced`."""

    kind: Literal["balanced"] = "balanced"
    alpha: float = Field(0.5, ge=0, le=2)


class TruncatedLossMethod(Declaration):
    """See `recval.valuation.TruncatedLoss`."""

    kind: Literal["t-ce"] = "t-ce"
    rate: float = Field(0.1, ge=0, lt=1)
    steps: int = Field(1000, ge=1)


class ReweightedLossMethod(Declaration):
    """See `recval.valuation.ReweightedLoss`."""

    kind: Literal["r-ce"] = "r-ce"
    beta: float = Field(0.1, ge=0, allow_inf_nan=False)


class DVRMethod(DVRSettings):
    """See `recval.valuation.DVR`."""

    kind: Literal["dvr"] = "dvr"


class ShuffledMethod(Declaration):
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


class Recipe(Declaration):
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

    description: str = ""
    data: Annotated[
        Annotated[str, checked(dataset_card), Tag("name")] | Annotated[DataSource, Tag("source")],
        Discriminator(lambda data: "name" if isinstance(data, str) else "source"),
    ]
    split: Annotated[RatioSplit | LeaveOneOutSplit | TimeSplit | GivenSplit, Field(discriminator="kind")] = RatioSplit()
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
    def _valuators_exist(self) -> Recipe:
        valuators = [name for name, method in self.methods.items() if method.kind == "dvr"]
        named = [method.of for method in self.methods.values() if isinstance(method, ShuffledMethod)]
        for name in [*named, *([self.removal.method] if self.removal else [])]:
            if name not in valuators:
                raise ValueError(unknown("method of kind dvr", name, valuators))
        return self

    def split_data(self) -> Split:
        """Load the data and hold out.

        Raises:
            ConfigError: there is no such data set.
            DataError: the data is not what it must be.
        """
        try:
            interactions = dataset_card(self.data).load() if isinstance(self.data, str) else self.data.load()
        except DataError as error:
            raise DataError(f"data: {error}") from None
        try:
            return self.split.apply(interactions)
        except DataError as error:
            raise DataError(f"split: {error}") from None

    @property
    def valuator(self) -> str | None:
        """The method whose values are the run's: that of the removal curve, else the first of kind `dvr`."""
        if self.removal is not None:
            return self.removal.method
        return next((name for name, method in self.methods.items() if method.kind == "dvr"), None)

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
        return DVR(**self.methods[method].model_dump(exclude={"kind"}))
