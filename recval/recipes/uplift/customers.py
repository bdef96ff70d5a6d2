"""Whence a recipe has its customers: a known data set, a file of one's own, or a generator that knows the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from recval.declarations import Declaration, checked
from recval.errors import DataError, unknown
from recval.recipes.splits import Seed
from recval.uplift.catalogue import customers_card, load
from recval.uplift.customers import Customers
from recval.uplift.features import held
from recval.uplift.semi_synthetic import SemiSynthetic
from recval.uplift.tables import read_frame


def _no_truth_value(value: object) -> object:
    """Refuse what YAML has made of a bare no or yes."""
    if isinstance(value, bool):
        raise PydanticCustomError("truth", "YAML reads a bare yes or no as true or false; write 'no', or 0 for false")
    return value


class _Source(Declaration):
    """What every source may say.

    Attributes:
        only: the one treatment to look at, beside the control; by default all of them.
    """

    only: str | None = None

    def load(self) -> Customers:
        """Return the customers.

        Raises:
            ConfigError: there is no such data set.
            DataError: the customers are not what they must be, or there is no such treatment.
        """
        customers = self._load()
        if self.only is None:
            return customers
        treatments = customers.arms[1:]
        if self.only not in treatments:
            raise DataError(unknown("treatment", self.only, treatments))
        return customers.against_control(1 + treatments.index(self.only))

    @property
    def columns(self) -> tuple[str, str]:
        """The columns of treatment and response in a file of such customers."""
        raise NotImplementedError

    def _load(self) -> Customers:
        raise NotImplementedError


class KnownCustomers(_Source):
    """A data set of `recval data list`.

    Attributes:
        name: its name.
        response: which of its responses; by default the usual one.
    """

    kind: Literal["known"] = "known"
    name: Annotated[str, checked(customers_card)]
    response: str | None = None

    @property
    def columns(self) -> tuple[str, str]:
        """Those of the card."""
        card = customers_card(self.name)
        return card.treatment, self.response or card.responses[0]

    def _load(self) -> Customers:
        return load(self.name, self.response)


class FileOfCustomers(_Source):
    """A CSV or Parquet file of an experiment, a row a customer.

    Attributes:
        path: the file.
        treatment: the column that says who was treated, and with what.
        response: the column of what they spent, or whether they responded.
        control: the name of those who were not treated, where it is not 0 or "control".
        features: the columns of what was known before; by default all others.
        ignored: columns that are no features, such as ids.
    """

    kind: Literal["file"] = "file"
    path: Path
    treatment: str = "treatment"
    response: str = "response"
    control: Annotated[str | int | None, BeforeValidator(_no_truth_value)] = None
    features: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    ignored: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, str]:
        """Those that are named."""
        return self.treatment, self.response

    def _load(self) -> Customers:
        try:
            return Customers.from_frame(
                self._frame(),
                treatment=self.treatment,
                response=self.response,
                control=self.control,
                features=self.features,
            )
        except DataError as error:
            raise DataError(error if str(self.path) in str(error) else f"{self.path}: {error}") from None

    def _frame(self) -> pd.DataFrame:
        """Return the file's columns but those that are ignored."""
        frame = read_frame(self.path)
        for name in self.ignored:
            if name not in frame.columns:
                raise DataError(unknown("column", name, frame.columns))
        return frame.drop(columns=list(self.ignored))


class MadeUpCustomers(_Source):
    """Customers whose true uplift is known; see `recval.uplift.semi_synthetic`.

    Attributes:
        features: a data set of `recval data list`, whose customers they are; by default these are made up, too.
        generator: how treatments and responses are made.
        seed: the seed of customers, treatments and responses.
    """

    kind: Literal["semi-synthetic"] = "semi-synthetic"
    features: Annotated[str, checked(customers_card)] | None = None
    generator: SemiSynthetic = SemiSynthetic()
    seed: Seed = 0

    @property
    def columns(self) -> tuple[str, str]:
        """Those of a run's `scored.parquet`."""
        return "arm", "response"

    def _load(self) -> Customers:
        features = None if self.features is None else load(self.features).features
        return self.generator.generate(features, self.seed)


def like_ids(customers: Customers) -> list[str]:
    """Return a line for each column of text from which nothing can be learnt: ids, or numbers that are written as text.

    It is one that has another text for more than half of the customers.
    """
    half = len(customers) / 2
    distinct = {name: column.nunique() for name, column in customers.features.items() if held(column) == "text"}
    return [
        f"the column {name!r} has {number:,} different texts among {len(customers):,} customers, as ids have, or "
        "numbers with a decimal comma; nothing can be learnt from it: name it in customers.ignored, or make it numbers"
        for name, number in distinct.items()
        if number > half
    ]


AnyCustomers = Annotated[KnownCustomers | FileOfCustomers | MadeUpCustomers, Field(discriminator="kind")]
"""The customers of a recipe."""
