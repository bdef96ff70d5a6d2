"""Noise in a recipe: what is left out of the parts of the split, and what is made up and added to them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from recval.data import Split
from recval.data.noise import NoiseKind, Part, with_noise, without_noise
from recval.declarations import Declaration, checked, distinct
from recval.recipes.splits import Seed


class Noise(Declaration):
    """What is done about noise once the data is split: first some is left out, then some is added.

    Attributes:
        remove: the parts that labelled noise (label 0) is left out of; see `recval.data.noise.without_noise`.
        inject: the kind of noise to add; see `recval.data.noise.with_noise`.
        share: its share of all interactions that a part then has.
        into: the parts that it is added to; never the test part, which says what is true.
        seed: the seed of its draws.
    """

    remove: tuple[Part, ...] = ()
    inject: NoiseKind | None = None
    share: Annotated[float, Field(gt=0, lt=1)] | None = None
    into: Annotated[tuple[Literal["train", "valid"], ...], Field(min_length=1), checked(distinct)] = ("train",)
    seed: Seed = 0

    @model_validator(mode="after")
    def _injection_is_complete(self) -> Self:
        if (self.inject is None) != (self.share is None):
            raise ValueError("inject and share belong together: the kind of noise to add, and how much of it")
        return self

    def apply(self, split: Split) -> Split:
        """Return the split with less noise, or with more.

        Raises:
            DataError: there are no labels to go by, or nothing is left, or a user has met nearly all items, or the
                share comes to no interaction.
        """
        cleaned = without_noise(split, self.remove) if self.remove else split
        if self.inject is None or self.share is None:
            return cleaned
        return with_noise(cleaned, self.inject, self.share, into=self.into, rng=self.seed)
