"""Cards of data sets: where a data set comes from, and what it must look like once read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from recval.data.interactions import Interactions, Split, concatenated
from recval.data.parts import split_given
from recval.data.sources import DataSource
from recval.data.splits import split_by_ratio
from recval.declarations import Declaration
from recval.errors import ConfigError, DataError


class Sizes(Declaration):
    """How many users, items and interactions a data set has."""

    users: int
    items: int
    interactions: int


class Parts(Declaration):
    """The held-out parts of a data set that was published with a split; its source is the training part.

    Attributes:
        test: the test part.
        valid: the validation part; where there is none, it is carved out of the training part.
        valid_share: how much is carved out of each user's training interactions.
        seed: the seed of the carving.
    """

    test: DataSource
    valid: DataSource | None = None
    valid_share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0


class Card(Declaration):
    """What is known of a data set of any kind.

    Attributes:
        name: the name that recipes use.
        title: its full name.
        description: what its rows are.
        licence: the terms of use.
        origin: who published it, and where to obtain it.
        source: where the files are, and how they are read.
        sha256: the checksum of the content of each file, by its name (without `.gz`).
    """

    name: str
    title: str
    description: str
    licence: str
    origin: str
    source: DataSource
    sha256: dict[str, str] = Field(default={})

    def verify(self, checksums: Sequence[Mapping[Path, str]]) -> None:
        """Check that files are those of the card.

        Args:
            checksums: those of the files of each part, by their paths.

        Raises:
            DataError: a file is missing, or is another one.
        """
        found = {path.name.removesuffix(".gz"): (path, digest) for part in checksums for path, digest in part.items()}
        for name, expected in self.sha256.items():
            if name not in found:
                location = self.source.location()
                path = location / name if location.is_dir() else location.with_name(name)
                raise DataError(f"{self.name}: there is no file {path}; {self.origin}")
            path, digest = found[name]
            if digest != expected:
                raise DataError(f"{path}: its sha256 is {digest}, but the card of {self.name} says {expected}")


class DatasetCard(Card):
    """What is known of a data set of interactions.

    Attributes:
        split: the held-out parts, where it was published with a split.
        sizes: what the reader must find, over all parts and before any filter of a recipe.
        item_title: the item field that names an item in words, if there is one.
    """

    kind: Literal["interactions"] = "interactions"
    split: Parts | None = None
    sizes: Sizes
    item_title: str | None = None

    def load(self) -> Interactions:
        """Read the data set, all of its parts, and verify its checksums and sizes.

        Raises:
            DataError: a file is missing, or is not the one that the card describes.
        """
        if self.split is not None:
            split = self.load_split()
            return concatenated(split.train, split.valid, split.test)
        (interactions,) = self._read(self.source)
        self._verify_sizes(interactions)
        return interactions

    def load_split(self) -> Split:
        """Read the data set in the parts that it was published with, and verify its checksums and sizes.

        Raises:
            ConfigError: it was published without a split.
            DataError: a file is missing, or is not the one that the card describes, or the parts overlap.
        """
        if self.split is None:
            raise ConfigError(f"the data set {self.name} has no split of its own; split its interactions")
        if self.split.valid is not None:
            train, valid, test = self._read(self.source, self.split.valid, self.split.test)
        else:
            whole, test = self._read(self.source, self.split.test)
            share = self.split.valid_share
            carved = split_by_ratio(whole, (1 - share, share, 0), rng=self.split.seed)
            train, valid = carved.train, carved.valid
        split = split_given(train, valid, test)
        self._verify_sizes(split.train, split.valid, split.test)
        return split

    def _read(self, *sources: DataSource) -> list[Interactions]:
        """Read the parts, if their files are those of the card; each file's checksum is taken once."""
        if not self.sha256:
            return [source.load() for source in sources]
        checksums = [source.checksums() for source in sources]
        self.verify(checksums)
        return [source.load(part) for source, part in zip(sources, checksums, strict=True)]

    def _verify_sizes(self, first: Interactions, *others: Interactions) -> None:
        interactions = sum(map(len, (first, *others)))
        found = Sizes(users=len(first.users), items=len(first.items), interactions=interactions)
        if found != self.sizes:
            raise DataError(f"{self.name}: read {found!r}, but its card says {self.sizes!r}")


class CustomersCard(Card):
    """What is known of a table of customers who were treated or not; `recval.uplift.load` reads it.

    Attributes:
        treatment: the column of treatments.
        arms: how many customers each treatment has, by its name; the first is the control.
        responses: the columns of responses; the first is the usual one. All other columns are features.
    """

    kind: Literal["customers"]
    treatment: str
    arms: Annotated[dict[str, int], Field(min_length=2)]
    responses: Annotated[tuple[str, ...], Field(min_length=1)]

    def file(self) -> Path:
        """Return the file of the table, once it is verified to be the one of the card.

        Raises:
            DataError: it is missing, or another one.
        """
        self.verify([self.source.checksums()])
        return self.source.location()
