"""The catalogue of data sets: cards that say where a data set comes from, and what it must look like once read.

A recipe names a card, or gives a source of its own (`DataSource`) in the same words.
"""

from __future__ import annotations

import hashlib
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from recval.data.atomic import from_atomic
from recval.data.columns import Role
from recval.data.encoding import Duplicates
from recval.data.filters import filtered
from recval.data.interactions import Interactions
from recval.data.readers import from_csv, from_parquet
from recval.declarations import Declaration, find, read, shipped
from recval.errors import DataError


class Filters(Declaration):
    """Which interactions count; see `recval.data.filters.filtered`."""

    min_rating: float | None = None
    min_per_user: int = Field(default=1, ge=1)
    min_per_item: int = Field(default=1, ge=1)


class DataSource(Declaration):
    """A file, or folder of files, of interactions, and how to read it.

    Attributes:
        path: the file or folder; relative to `package`, else to the folder that RECVAL_DATA names, else to here.
        package: the installed package that the file lies in, if it does.
        reader: the format; by default from the file's ending.
        columns: the column that plays each role (user, item, rating, time, label); by default those of the format.
        separator: what separates the columns of a CSV file.
        duplicates: what to do when a user meets an item twice.
        filters: which interactions count.
    """

    path: str
    package: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")] | None = None
    reader: Literal["csv", "parquet", "atomic"] | None = None
    columns: dict[Role, str] = Field(default={})
    separator: str = Field(default=",", min_length=1, max_length=1)
    duplicates: Duplicates = "error"
    filters: Filters = Filters()

    def location(self) -> Path:
        """Return the path of the file or folder.

        Raises:
            DataError: the package is not installed.
        """
        if self.package is not None:
            try:
                spec = find_spec(self.package)
            except (ImportError, ValueError):
                spec = None
            if spec is None or spec.origin is None:
                raise DataError(f"the data lies in the package {self.package!r}, which is not installed")
            folder = Path(spec.origin).parent
            if not (folder / self.path).resolve().is_relative_to(folder.resolve()):
                raise DataError(f"the path {self.path!r} leads out of the package {self.package!r}")
            return folder / self.path
        given = Path(self.path).expanduser()
        below = Path(os.environ.get("RECVAL_DATA", ".")) / given
        return below if below.exists() else given

    def load(self) -> Interactions:
        """Read and filter the interactions.

        Raises:
            DataError: the file is missing or malformed, or the filters leave nothing.
        """
        path = self.location()
        reader = self.reader or _reader_of(path)
        if reader == "atomic":
            interactions = from_atomic(path, roles=self.columns, duplicates=self.duplicates)
        elif reader == "csv":
            interactions = from_csv(path, **self.columns, separator=self.separator, duplicates=self.duplicates)
        else:
            interactions = from_parquet(path, **self.columns, duplicates=self.duplicates)
        return filtered(interactions, **self.filters.model_dump())


class Sizes(Declaration):
    """How many users, items and interactions a data set has."""

    users: int
    items: int
    interactions: int


class DatasetCard(Declaration):
    """What is known of a data set.

    Attributes:
        name: the name that recipes use.
        title: its full name.
        description: what the interactions are.
        licence: the terms of use.
        origin: who published it, and where to obtain it.
        source: where the files are, and how they are read.
        sha256: the checksum of each file, by its name.
        sizes: what the reader must find, before any filter of a recipe.
        item_title: the item field that names an item in words, if there is one.
    """

    name: str
    title: str
    description: str
    licence: str
    origin: str
    source: DataSource
    sha256: dict[str, str] = Field(default={})
    sizes: Sizes
    item_title: str | None = None

    def load(self) -> Interactions:
        """Read the data set and verify its checksums and sizes.

        Raises:
            DataError: a file is missing, or is not the one that the card describes.
        """
        self._verify_files()
        interactions = self.source.load()
        found = Sizes(users=len(interactions.users), items=len(interactions.items), interactions=len(interactions))
        if found != self.sizes:
            raise DataError(f"{self.name}: read {found!r}, but its card says {self.sizes!r}")
        return interactions

    def _verify_files(self) -> None:
        location = self.source.location()
        for name, expected in self.sha256.items():
            path = location / name if location.is_dir() else location.with_name(name)
            if not path.is_file():
                raise DataError(f"{self.name}: there is no file {path}; {self.origin}")
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != expected:
                raise DataError(f"{path}: its sha256 is {found}, but the card of {self.name} says {expected}")


def datasets() -> dict[str, DatasetCard]:
    """Return the cards of the data sets that recval knows, by name."""
    return {name: read(path, DatasetCard) for name, path in shipped("datasets").items()}


def dataset_card(name: str) -> DatasetCard:
    """Return the card of a data set by its name, or by the path of one's own card.

    Raises:
        ConfigError: there is no such card, or it is malformed.
    """
    return read(find("datasets", name), DatasetCard)


def load(name: str | Path) -> Interactions:
    """Return the interactions of a known data set, or of a file.

    Args:
        name: the name of a card ("ml-100k"), or the path of a `.csv`, `.tsv`, `.parquet` or `.inter` file whose
            columns bear the default names.

    Raises:
        ConfigError: there is no such data set.
        DataError: the file is missing or malformed.
    """
    if Path(name).suffix in _READERS:
        return DataSource(path=str(name), separator="\t" if Path(name).suffix == ".tsv" else ",").load()
    return dataset_card(str(name)).load()


_READERS: dict[str, Literal["csv", "parquet", "atomic"]] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".inter": "atomic",
}


def _reader_of(path: Path) -> Literal["csv", "parquet", "atomic"]:
    if path.suffix in _READERS:
        return _READERS[path.suffix]
    if path.is_dir():
        return "atomic"
    raise DataError(f"{path}: the format cannot be told from the ending; say it with reader: csv, parquet or atomic")
