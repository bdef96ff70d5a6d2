"""What a recipe may say: data, split, model, training, methods to compare, metrics, seeds."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Discriminator, Field, Tag, model_validator

from recval.data import DataSource, Split, dataset_card
from recval.declarations import Declaration, checked, distinct
from recval.errors import ConfigError, DataError, unknown
from recval.ranking import parse
from recval.recipes.method import MethodRecipe
from recval.recipes.methods import Method, ShuffledMethod
from recval.recipes.models import Model, ModelRecipe
from recval.recipes.noise import Noise
from recval.recipes.splits import AnySplit, CardSplit, RatioSplit, Seed
from recval.store.run import folder_name
from recval.training import Callback, Training


def distinct_folders(names: Iterable[str]) -> None:
    """Refuse names whose folders would be the same.

    Raises:
        ConfigError: two of them are.
    """
    folders: dict[str, str] = {}
    for name in names:
        other = folders.setdefault(folder_name(name), name)
        if other != name:
            raise ConfigError(f"{other!r} and {name!r} would share a folder; rename one")


Seeds = Annotated[tuple[Seed, ...], Field(min_length=1), checked(distinct)]
Fractions = Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], ...], checked(distinct)]


class Removal(Declaration):
    """The removal and the addition curve: train the plain backbone on what is left by value, measure.

    To train on the highest tenth alone is to drop the lowest nine tenths, so both curves are made of the same trials.

    Attributes:
        method: the method whose values, over all seeds, give the order.
        fractions: the removal curve: the shares to drop of the lowest, of the highest, and at random.
        keep: the addition curve: the shares to train on alone, of the highest, of the lowest, and at random.
        seeds: the seeds to train with.
    """

    method: str
    fractions: Fractions = (0.1, 0.2, 0.3, 0.4, 0.5)
    keep: Fractions = ()
    seeds: Seeds = (0,)

    @model_validator(mode="after")
    def _has_points(self) -> Self:
        if not self.dropped:
            raise ValueError("name shares to drop (fractions), or shares to train on alone (keep)")
        for first, second in pairwise(self.dropped):
            if share_name(first) == share_name(second):
                raise ValueError(f"to drop {first} or {second} is the same to six digits; leave one out")
        return self

    @property
    def dropped(self) -> tuple[float, ...]:
        """The shares that are dropped for either curve, ascending."""
        return tuple(sorted({*self.fractions, *map(dropped_of, self.keep)}))


def dropped_of(kept: float) -> float:
    """Return the share that is dropped where `kept` is kept, as exact as it was written."""
    return round(1 - kept, 12)


def share_name(dropped: float) -> str:
    """Return the name of a share's folder; shares that agree in six digits have the same."""
    return f"{dropped:g}"


Data = Annotated[
    Annotated[str, checked(dataset_card), Tag("name")] | Annotated[DataSource, Tag("source")],
    Discriminator(lambda data: "name" if isinstance(data, str) else "source"),
]
"""The name of a data set's card, or a source of one's own."""
Metrics = Annotated[tuple[Annotated[str, checked(parse)], ...], Field(min_length=1), checked(distinct)]
References = Annotated[tuple[Model, ...], checked(lambda models: distinct([model.name for model in models]))]
Methods = Annotated[dict[str, Method], checked(distinct_folders)]


class DataRecipe(Declaration):
    """Data, and how some of it is held out.

    Attributes:
        description: what it is for, for the reader.
        data: the name of a data set's card, or a source of one's own.
        split: how to hold out.
        noise: what is done about noise in the parts, if anything.
    """

    description: str = ""
    data: Data
    split: AnySplit = RatioSplit()
    noise: Noise | None = None

    @model_validator(mode="after")
    def _split_is_there(self) -> Self:
        if isinstance(self.split, CardSplit):
            try:
                self.split.card(self.data)
            except ConfigError as error:
                raise ValueError(f"split: {error}") from None
        return self

    def split_data(self) -> Split:
        """Load the data, hold out, and see to the noise.

        Raises:
            ConfigError: there is no such data set.
            DataError: the data is not what it must be.
        """
        split = self._held_out()
        try:
            return split if self.noise is None else self.noise.apply(split)
        except DataError as error:
            raise DataError(f"noise: {error}") from None

    def _held_out(self) -> Split:
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


class MethodsRecipe(Declaration):
    """What is compared, and how.

    Attributes:
        training: how to train the backbone.
        metrics: what to report on the test part.
        seeds: the seeds of each method; the split stays the same.
        methods: what to compare, by name; the first that trains is the baseline.
        references: models without training (EASE, Pop, ItemKNN, …) to be listed beside the methods.
        removal: the removal and addition curves, if they are wanted.
    """

    training: Training = Training()
    metrics: Metrics = ("ndcg@10", "recall@10")
    seeds: Seeds = (0, 1, 2, 3, 4)
    methods: Methods = Field(min_length=1)
    references: References = ()
    removal: Removal | None = None


class Recipe(MethodsRecipe, DataRecipe):
    """A whole experiment: data, what is compared on it, and with which backbone.

    Attributes:
        model: the backbone; valuators that train nothing do without.
    """

    model: Model = ModelRecipe(name="BPR")

    @model_validator(mode="after")
    def _names_are_distinct(self) -> Recipe:
        shared = next((model.name for model in self.references if model.name in self.methods), None)
        if shared is not None:
            raise ValueError(f"{shared!r} names a method and a reference; rename the method")
        return self

    @model_validator(mode="after")
    def _named_methods_exist(self) -> Recipe:
        weighing = [
            name for name, method in self.methods.items() if method.weighs and not isinstance(method, ShuffledMethod)
        ]
        for method in self.methods.values():
            if isinstance(method, ShuffledMethod) and method.of not in weighing:
                raise ValueError(unknown("method that weighs", method.of, weighing))
        if self.removal is not None and self.removal.method not in self.valuators:
            raise ValueError(unknown("method that gives values", self.removal.method, self.valuators))
        return self

    @property
    def trained(self) -> list[str]:
        """The methods that train a model, which can be tested; the first is the baseline."""
        return [name for name, method in self.methods.items() if not method.stands_alone]

    @property
    def standalone(self) -> list[str]:
        """The methods that value without a part in training."""
        return [name for name, method in self.methods.items() if method.stands_alone]

    @property
    def valuators(self) -> list[str]:
        """The methods that give values."""
        return [name for name, method in self.methods.items() if method.gives_values]

    @property
    def plain(self) -> str | None:
        """The first method that trains the recipe's own model without weights, as the recipe says, if there is one."""
        own = self.model, self.training
        return next(
            (
                name
                for name, method in self.methods.items()
                if method.kind == "plain" and (self.model_of(name), self.training_of(name)) == own
            ),
            None,
        )

    @property
    def trained_for_values(self) -> list[str]:
        """The methods that train a model and give values, and plain training, which is the unit of their cost."""
        return [name for name in self.trained if name in self.valuators or name == self.plain]

    @property
    def valuator(self) -> str | None:
        """The method whose values are the run's: that of the removal curve, else the first that gives values."""
        return self.removal.method if self.removal is not None else next(iter(self.valuators), None)

    def seeds_of(self, method: str) -> tuple[int, ...]:
        """Return the seeds of a method's trials: the first alone where another would give the same."""
        return self.seeds if self.methods[method].is_random else self.seeds[:1]

    def model_of(self, method: str) -> ModelRecipe:
        """Return the backbone that a method trains; a placebo by default that of the method it is the placebo of."""
        return next((said.model for said in self._said_of(method) if said.model), self.model)

    def training_of(self, method: str) -> Training:
        """Return how a method's backbone is trained; a placebo's by default as that of the method it is one of."""
        return next((said.training for said in self._said_of(method) if said.training), self.training)

    def placebo_of(self, method: str) -> str | None:
        """Return the first method that trains as this one does, with its weights given to the wrong samples."""
        asked = self.model_of(method), self.training_of(method)
        return next(
            (
                name
                for name, other in self.methods.items()
                if isinstance(other, ShuffledMethod)
                and other.of == method
                and (self.model_of(name), self.training_of(name)) == asked
            ),
            None,
        )

    def _said_of(self, method: str) -> list[MethodRecipe]:
        """Return what is said of a method, then of the one that it is the placebo of."""
        said = self.methods[method]
        return [said, self.methods[said.of]] if isinstance(said, ShuffledMethod) else [said]

    def callback(self, method: str) -> Callback | None:
        """Return a fresh callback that weighs as a method does; None for plain training."""
        return self.methods[method].callback(self.methods)
