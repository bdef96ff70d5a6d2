"""Sources: files of interactions and how they are read, in the words of cards and recipes.

What is read from text is kept in the cache (`recval.data.cache`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from recval.data import cache
from recval.data.adjacency import from_adjacency
from recval.data.atomic import atomic_files, from_atomic
from recval.data.columns import Role
from recval.data.encoding import Duplicates
from recval.data.filters import filtered
from recval.data.interactions import Interactions
from recval.data.readers import from_csv, from_parquet
from recval.data.text import checksum
from recval.declarations import Declaration, validate
from recval.errors import DataError

Reader = Literal["csv", "parquet", "atomic", "adjacency"]

ENDINGS: dict[str, Reader] = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".tsv": "csv",
    ".tsv.gz": "csv",
    ".parquet": "parquet",
    ".inter": "atomic",
}
"""The reader of files whose ending says the format."""


def ending(name: str | Path) -> str | None:
    """Return which of `ENDINGS` a file's name has, None for another one."""
    return next((known for known in ENDINGS if str(name).endswith(known)), None)


def source_of(file: str | Path, **settings: object) -> DataSource:
    """Return a file as a source; columns end at tabs where the ending says so, if no separator is given.

    Raises:
        ConfigError: a setting is not what it must be.
    """
    tabs = (ending(file) or "").startswith(".tsv")
    return validate({"path": str(file), **({"separator": "\t"} if tabs else {}), **settings}, DataSource)


class Filters(Declaration):
    """Which interactions count; see `recval.data.filters.filtered`."""

    min_rating: float | None = None
    min_per_user: int = Field(default=1, ge=1)
    min_per_item: int = Field(default=1, ge=1)


class DataSource(Declaration):
    """A file, or folder of files, of interactions, and how to read it.

    Attributes:
        path: the file or folder; relative to `package`, else to the folder that RECVAL_DATA names, else to here. Where
            there is no such file but one compressed by gzip (`.gz`), that one is read.
        package: the installed package that the file lies in, if it does.
        reader: the format; by default from the file's ending.
        columns: the column that plays each role (user, item, rating, time, label); by default those of the format.
        separator: what separates the columns of a CSV file.
        header: the names of the columns of a CSV file that has no header.
        duplicates: what to do when a user meets an item twice.
        filters: which interactions count.
    """

    path: str
    package: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")] | None = None
    reader: Reader | None = None
    columns: dict[Role, str] = Field(default={})
    separator: str = Field(default=",", min_length=1, max_length=1)
    header: tuple[str, ...] | None = None
    duplicates: Duplicates = "error"
    filters: Filters = Filters()

    @model_validator(mode="after")
    def _settings_are_for_the_reader(self) -> Self:
        if self.reader == "adjacency" and self.columns:
            raise ValueError("columns: an adjacency list has none to name")
        reader = self.reader or ENDINGS.get(ending(self.path) or "", "csv")
        if reader != "csv" and self.header is not None:
            raise ValueError(f"header: only a CSV file may have none, not one for the reader {reader}")
        return self

    def location(self) -> Path:
        """Return the path of the file or folder.

        Raises:
            DataError: the package is not installed.
        """
        if self.package is not None:
            return _as_it_lies(self._in_package(self.package))
        given = Path(self.path).expanduser()
        below = _as_it_lies(Path(os.environ.get("RECVAL_DATA", ".")) / given)
        return below if below.exists() else _as_it_lies(given)

    def _in_package(self, package: str) -> Path:
        try:
            spec = find_spec(package)
        except (ImportError, ValueError):
            spec = None
        if spec is None or spec.origin is None:
            raise DataError(f"the data lies in the package {package!r}, which is not installed")
        folder = Path(spec.origin).parent
        if not (folder / self.path).resolve().is_relative_to(folder.resolve()):
            raise DataError(f"the path {self.path!r} leads out of the package {package!r}")
        return folder / self.path

    def checksums(self) -> dict[Path, str]:
        """Return the sha256 of the content of each file, decompressed; of those files that are there.

        Raises:
            DataError: the package is not installed, or a file cannot be decompressed.
        """
        path = self.location()
        files = atomic_files(path) if self._reader(path) == "atomic" else [path] if path.is_file() else []
        return {file: checksum(file) for file in files}

    def load(self, checksums: Mapping[Path, str] | None = None) -> Interactions:
        """Read and filter the interactions.

        Args:
            checksums: those of the files, where they are known already.

        Raises:
            DataError: the file is missing or malformed, or the filters leave nothing.
        """
        path = self.location()
        reader = self._reader(path)
        if reader == "parquet":
            interactions = from_parquet(path, **self.columns, duplicates=self.duplicates)
        else:
            interactions = self._from_text(path, reader, checksums or self.checksums())
        return filtered(interactions, **self.filters.model_dump())

    def _reader(self, path: Path) -> Reader:
        if self.reader is not None:
            return self.reader
        if known := ending(path):
            return ENDINGS[known]
        if path.is_dir():
            return "atomic"
        names = ", ".join(get_args(Reader))
        raise DataError(f"{path}: the format cannot be told from the ending; say it with reader: {names}")

    def _from_text(self, path: Path, reader: Reader, checksums: Mapping[Path, str]) -> Interactions:
        """Return the interactions in a file of text, from the cache where they are there."""
        how = self.model_dump(include={"columns", "separator", "header", "duplicates"})
        contents = {file.name.removesuffix(".gz"): digest for file, digest in checksums.items()}
        key = cache.entry_key({"reader": reader, **how, "sha256": contents})
        if (kept := cache.fetch(key)) is not None:
            return kept
        if reader == "atomic":
            interactions = from_atomic(path, roles=self.columns, duplicates=self.duplicates)
        elif reader == "adjacency":
            interactions = from_adjacency(path, duplicates=self.duplicates)
        else:
            interactions = from_csv(
                path, **self.columns, separator=self.separator, header=self.header, duplicates=self.duplicates
            )
        if self.checksums() == checksums:  # Else a file has changed while it was read.
            cache.keep(key, interactions, str(path))
        return interactions


def _as_it_lies(path: Path) -> Path:
    compressed = path.with_name(f"{path.name}.gz")
    return compressed if compressed.is_file() and not path.exists() else path
