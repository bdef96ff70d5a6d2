"""Features of customers as the numbers and codes that networks take; fitted on training rows, then applied to any.

A column of numbers (or of true and false) is standardised: less its mean, divided by its standard deviation. Where it
is missing it counts as the mean, and if that happened in training, an indicator column of 0 and 1 says so. A column of
text, or of pandas' type category, becomes codes from 1 in the order of its sorted categories; 0 stands for a category
that training did not show, and for a missing one.

What training did not vary cannot be learned: a constant column of numbers is encoded as 0, whatever comes later, and a
column that is missing throughout is left out. Infinite numbers are refused in training, and count as missing later.

Categories are known by their text, so that 1, 1.0 and "1" are one category. A column that is a number by its type but a
category by its meaning (an area code) is to be made one before: `frame.astype({"area": "category"})`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from recval.declarations import Declaration, validate
from recval.errors import DataError
from recval.uplift.features.columns import codes_of, distinct_of, feature_frame, held, numbers_of


@dataclass(frozen=True)
class Encoded:
    """Encoded rows.

    Attributes:
        numeric: [rows, n_numeric] float32, finite.
        codes: [rows, len(cardinalities)] int64; column c holds 0 … cardinalities[c] - 1.
    """

    numeric: npt.NDArray[np.float32]
    codes: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.numeric)


class NumberColumn(Declaration):
    """A column of numbers, encoded as (value - mean) * factor.

    Attributes:
        name: its name.
        mean: the mean of the training values.
        factor: one divided by their standard deviation (of the population, ddof 0); 0 where they were constant.
        with_missing: whether some were missing in training, so that an indicator column follows.
    """

    kind: Literal["number"] = "number"
    name: str
    mean: float
    factor: Annotated[float, Field(ge=0)]
    with_missing: bool


class CategoryColumn(Declaration):
    """A column of categories, encoded as 1 + the position in `categories`, or 0.

    Attributes:
        name: its name.
        categories: the text of the categories of the training rows, sorted.
        with_missing: whether some were missing in training.
    """

    kind: Literal["category"] = "category"
    name: str
    categories: tuple[str, ...]
    with_missing: bool


class FeatureEncoder(Declaration):
    """How features are encoded; made by `fit`, or from what `state` returned.

    Attributes:
        columns: the columns that are encoded, in the order of the training frame.
        unused: columns that were missing throughout in training, and are left out.
    """

    columns: tuple[Annotated[NumberColumn | CategoryColumn, Field(discriminator="kind")], ...]
    unused: tuple[str, ...] = ()

    @classmethod
    def fit(cls, features: pd.DataFrame | npt.ArrayLike) -> Self:
        """Return the encoder of these training rows.

        Args:
            features: [rows, columns] a DataFrame, or an array of numbers.

        Raises:
            DataError: there is no row or no column, two columns have one name, a column holds neither numbers nor
                text (dates, lists), a number is infinite, or every value of every column is missing.
        """
        frame = feature_frame(features)
        if not len(frame):
            raise DataError("the features have no row; at least one is needed")
        fitted = {str(name): _fitted(str(name), column) for name, column in frame.items()}
        columns = tuple(column for column in fitted.values() if column is not None)
        if not columns:
            raise DataError(f"the features have no value: every one of {len(fitted)} columns is missing throughout")
        return cls(columns=columns, unused=tuple(name for name, column in fitted.items() if column is None))

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the encoder whose `state` this is.

        Raises:
            ConfigError: it is the state of no encoder.
        """
        return validate(state, cls)

    def state(self) -> dict[str, Any]:
        """Return all that the encoder knows, as JSON can hold it, to the last bit."""
        return self.model_dump(mode="json")

    @cached_property
    def numbers(self) -> tuple[NumberColumn, ...]:
        """The columns of numbers."""
        return tuple(column for column in self.columns if isinstance(column, NumberColumn))

    @cached_property
    def categories(self) -> tuple[CategoryColumn, ...]:
        """The columns of categories."""
        return tuple(column for column in self.columns if isinstance(column, CategoryColumn))

    @property
    def n_numeric(self) -> int:
        """How many numbers a row becomes: one for each column of numbers, and one for each indicator."""
        return len(self.numeric_names)

    @property
    def numeric_names(self) -> tuple[str, ...]:
        """The names of the encoded numbers: the columns', then of the indicators (`age missing`)."""
        return (*(column.name for column in self.numbers), *(f"{column.name} missing" for column in self._indicated))

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """How many codes each column of categories has, 0 included."""
        return tuple(len(column.categories) + 1 for column in self.categories)

    @property
    def kinds(self) -> dict[str, Literal["number", "category"]]:
        """What each encoded column holds, by its name."""
        return {column.name: column.kind for column in self.columns}

    def encode(self, features: pd.DataFrame | npt.ArrayLike) -> Encoded:
        """Encode rows; columns are found by their names, and others are ignored.

        What differs from training without being an error is said by `recval.uplift.features.differences`.

        Args:
            features: as in `fit`.

        Raises:
            DataError: a column is missing, or holds text where it held numbers in training.
        """
        frame = feature_frame(features)
        absent = [column.name for column in self.columns if column.name not in frame.columns]
        if absent:
            raise DataError(f"the features have no column {absent[0]!r}, which training had{_more(absent)}")
        numeric = np.zeros((len(frame), self.n_numeric), np.float32)
        indicators = {column.name: len(self.numbers) + place for place, column in enumerate(self._indicated)}
        for place, number in enumerate(self.numbers):
            with np.errstate(over="ignore", invalid="ignore"):
                scaled = ((numbers_of(frame[number.name]) - number.mean) * number.factor).astype(np.float32)
            missing = ~np.isfinite(scaled)
            scaled[missing] = 0
            numeric[:, place] = scaled
            if number.name in indicators:
                numeric[:, indicators[number.name]] = missing
        codes = np.zeros((len(frame), len(self.categories)), np.int64)
        for place, category in enumerate(self.categories):
            codes[:, place] = codes_of(frame[category.name], category.categories)
        return Encoded(numeric, codes)

    def differences(self, features: pd.DataFrame | npt.ArrayLike) -> list[str]:
        """Return a line for each difference to the training rows; see `recval.uplift.features.differences`."""
        from recval.uplift.features.differences import Differences

        found = Differences(self)
        found.add(features)
        return found.lines()

    @cached_property
    def _indicated(self) -> tuple[NumberColumn, ...]:
        return tuple(column for column in self.numbers if column.with_missing)


def _fitted(name: str, column: pd.Series) -> NumberColumn | CategoryColumn | None:
    """Return how a column of training rows is encoded; None where all of it is missing."""
    missing = int(column.isna().sum())
    if missing == len(column):
        return None
    content = held(column)
    if content == "text":
        places, distinct = distinct_of(column)
        seen = {distinct[place] for place in np.unique(places) if place >= 0}
        return CategoryColumn(name=name, categories=tuple(sorted(seen)), with_missing=missing > 0)
    if content != "numbers":
        raise DataError(
            f"the column {name!r} holds {content}, which is neither number nor text; turn it into numbers, such as "
            "days since then, or leave it out"
        )
    values = numbers_of(column)
    present = values[~np.isnan(values)]
    if np.isinf(present).any():
        row = int(np.flatnonzero(np.isinf(values))[0])
        raise DataError(f"the column {name!r}, row {row}: an infinite number; make it a finite one, or missing")
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = float(present.mean()), float(present.std())
    if not np.isfinite(deviation):
        raise DataError(f"the column {name!r} holds numbers too large to be scaled, up to {np.abs(present).max():g}")
    constant = present.min() == present.max() or deviation == 0
    return NumberColumn(name=name, mean=mean, factor=0.0 if constant else 1 / deviation, with_missing=missing > 0)


def _more(names: list[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""
