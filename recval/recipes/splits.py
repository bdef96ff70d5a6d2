"""How a recipe holds out: one class for each kind of split."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Literal

from pydantic import Field, model_validator

from recval.data import (
    DatasetCard,
    DataSource,
    Interactions,
    Split,
    dataset_card,
    datasets,
    in_train_vocabulary,
    k_fold,
    leave_k_out,
    split_by_ratio,
    split_by_time,
    split_given,
)
from recval.data.parts import Knowing
from recval.data.splits import Order
from recval.declarations import Declaration
from recval.errors import ConfigError

Shares = tuple[float, float, float]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class _Split(Declaration):
    """What every kind of split may say.

    Attributes:
        vocabulary: whose users and items are known: "all", or "train" as in `recval.data.in_train_vocabulary`.
    """

    vocabulary: Knowing = "all"

    def apply(self, interactions: Interactions) -> Split:
        """Split the interactions.

        Raises:
            DataError: they cannot be split so.
        """
        split = self._apply(interactions)
        return in_train_vocabulary(split) if self.vocabulary == "train" else split

    def _apply(self, interactions: Interactions) -> Split:
        raise NotImplementedError


class RatioSplit(_Split):
    """A share of each user's interactions; see `recval.data.split_by_ratio`."""

    kind: Literal["ratio"] = "ratio"
    ratios: Shares = (0.8, 0.1, 0.1)
    order: Order = "random"
    seed: Seed = 0

    def _apply(self, interactions: Interactions) -> Split:
        return split_by_ratio(interactions, self.ratios, order=self.order, rng=self.seed)


class LeaveKOutSplit(_Split):
    """The last interactions of each user; see `recval.data.leave_k_out`."""

    kind: Literal["leave-k-out"] = "leave-k-out"
    k: int = Field(1, ge=1)
    order: Order = "time"
    seed: Seed = 0

    def _apply(self, interactions: Interactions) -> Split:
        return leave_k_out(interactions, self.k, order=self.order, rng=self.seed)


class TimeSplit(_Split):
    """What came after a moment; see `recval.data.split_by_time`."""

    kind: Literal["time"] = "time"
    ratios: Shares = (0.8, 0.1, 0.1)

    def _apply(self, interactions: Interactions) -> Split:
        return split_by_time(interactions, self.ratios)


class KFoldSplit(_Split):
    """One fold of a cross-validation, counted from 0; see `recval.data.k_fold`."""

    kind: Literal["k-fold"] = "k-fold"
    folds: int = Field(5, ge=2)
    fold: int = Field(ge=0)
    valid: float = Field(0.1, ge=0, lt=1)
    seed: Seed = 0

    @model_validator(mode="after")
    def _fold_exists(self) -> KFoldSplit:
        if self.fold >= self.folds:
            raise ValueError(f"fold must be below the number of folds, {self.folds}. Got {self.fold} instead")
        return self

    def _apply(self, interactions: Interactions) -> Split:
        return next(islice(k_fold(interactions, self.folds, valid=self.valid, rng=self.seed), self.fold, None))


class GivenSplit(_Split):
    """One's own parts: `data` is trained on; see `recval.data.split_given`."""

    kind: Literal["given"] = "given"
    valid: DataSource
    test: DataSource

    def apply(self, interactions: Interactions) -> Split:
        """Join the parts."""
        return split_given(interactions, self.valid.load(), self.test.load(), vocabulary=self.vocabulary)


class CardSplit(Declaration):
    """The split that the data set was published with; see `recval.data.load_split`."""

    kind: Literal["card"] = "card"
    vocabulary: Knowing = "all"

    def load(self, data: str | DataSource) -> Split:
        """Load the data set in its parts.

        Raises:
            ConfigError: the data is no data set that was published with a split.
            DataError: the data is not what it must be.
        """
        split = self.card(data).load_split()
        return in_train_vocabulary(split) if self.vocabulary == "train" else split

    def card(self, data: str | DataSource) -> DatasetCard:
        """Return the card of the data, if it has a split.

        Raises:
            ConfigError: it has none.
        """
        if isinstance(data, str) and (card := dataset_card(data)).split is not None:
            return card
        with_split = ", ".join(name for name, card in datasets().items() if card.split is not None)
        what = data if isinstance(data, str) else data.path
        raise ConfigError(f"{what} was not published with a split, which the kind card needs (with one: {with_split})")


AnySplit = Annotated[
    RatioSplit | LeaveKOutSplit | TimeSplit | KFoldSplit | GivenSplit | CardSplit, Field(discriminator="kind")
]
