"""The interaction table: who interacted with what, and what else is known of it, of them and of that."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recval.data.knowledge import KnowledgeGraph
from recval.data.vocabulary import Codes, Vocabulary
from recval.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Interactions:
    """Interactions of users with items, as integer codes over Arrow columns.

    Build one with `recval.data.from_frame`, `from_csv`, `from_parquet` or `from_atomic`.

    Attributes:
        table: one row an interaction; the columns `user` and `item` hold codes (int64); `rating` (float64),
            `time` (float64) and `label` (int64) are optional; further columns are side fields.
        users: the users' ids; every code in `table` is below `len(users)`.
        items: the items' ids.
        knowledge: a graph of what is known of the items, or None.
    """

    table: pa.Table
    users: Vocabulary
    items: Vocabulary
    knowledge: KnowledgeGraph | None = None

    def __len__(self) -> int:
        return self.table.num_rows

    @cached_property
    def user(self) -> Codes:
        """The user's code of each interaction, shape [n]."""
        return self.table["user"].to_numpy()

    @cached_property
    def item(self) -> Codes:
        """The item's code of each interaction, shape [n]."""
        return self.table["item"].to_numpy()

    def column(self, name: str) -> npt.NDArray[Any]:
        """Return a column by name.

        Raises:
            DataError: there is no such column.
        """
        if name not in self.table.column_names:
            raise DataError(f"the interactions have no column {name!r}; they have {', '.join(self.table.column_names)}")
        return self.table[name].to_numpy()

    def take(self, rows: npt.NDArray[np.integer] | npt.NDArray[np.bool_]) -> Interactions:
        """Return the interactions at `rows` (positions or a mask), over the same vocabularies."""
        chosen = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        return replace(self, table=self.table.take(pa.array(chosen)))

    def user_counts(self) -> Codes:
        """The number of interactions of each user, shape [n_users]."""
        return np.bincount(self.user, minlength=len(self.users)).astype(np.int64)

    def item_counts(self) -> Codes:
        """The number of interactions with each item, shape [n_items]."""
        return np.bincount(self.item, minlength=len(self.items)).astype(np.int64)

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame with the users' and items' own ids in place of the codes."""
        frame = self.table.to_pandas()
        frame["user"] = self.users.ids.take(self.table["user"].combine_chunks()).to_pandas()
        frame["item"] = self.items.ids.take(self.table["item"].combine_chunks()).to_pandas()
        return frame


def concatenated(first: Interactions, *others: Interactions) -> Interactions:
    """Return the rows of interactions over the same vocabularies, one after the other.

    Raises:
        DataError: their vocabularies or columns differ.
    """
    for part in others:
        _check_vocabularies(first, part)
        if not part.table.schema.equals(first.table.schema):
            columns = " and ".join(", ".join(one.table.column_names) for one in (first, part))
            raise DataError(f"interactions with different columns cannot be joined, found {columns}")
    return replace(first, table=pa.concat_tables([part.table for part in (first, *others)]).combine_chunks())


@dataclass(frozen=True)
class Split:
    """Interactions to train on, to choose by, and to report on; all three share their vocabularies.

    Attributes:
        train: what is trained on.
        valid: what is chosen by.
        test: what is reported on.
        dropped: how many interactions of the validation and of the test part were left out, for training knows nothing
            of their user or item.

    Raises:
        DataError: the vocabularies differ, or there is nothing to train on.
    """

    train: Interactions
    valid: Interactions
    test: Interactions
    dropped: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        for part in (self.valid, self.test):
            _check_vocabularies(self.train, part)
        if len(self.train) == 0:
            raise DataError("no interactions are left to train on")

    def with_validation(self) -> Split:
        """Return the split whose training part has the validation part joined to it; nothing is left to choose by.

        For references in closed form, and to train again once everything is chosen.

        Raises:
            DataError: the two parts have different columns.
        """
        return replace(self, train=concatenated(self.train, self.valid), valid=self.valid.take(np.arange(0)))

    def fingerprint(self) -> dict[str, Any]:
        """Return the sizes of the parts, how much was dropped, and a digest of who interacts with what in each."""
        digest = hashlib.sha256()
        for part in (self.train, self.valid, self.test):
            digest.update(len(part).to_bytes(8, "little") + part.user.tobytes() + part.item.tobytes())
        for vocabulary in (self.users, self.items):
            digest.update(json.dumps(vocabulary.ids.to_pylist()).encode())
        sizes: dict[str, Any] = {"train": len(self.train), "valid": len(self.valid), "test": len(self.test)}
        if any(self.dropped):
            sizes["dropped"] = list(self.dropped)
        return {"users": len(self.users), "items": len(self.items), **sizes, "sha256": digest.hexdigest()}

    @property
    def users(self) -> Vocabulary:
        """The users, shared by the parts."""
        return self.train.users

    @property
    def items(self) -> Vocabulary:
        """The items, shared by the parts."""
        return self.train.items


def _check_vocabularies(first: Interactions, other: Interactions) -> None:
    if not (other.users.ids.equals(first.users.ids) and other.items.ids.equals(first.items.ids)):
        raise DataError("the parts of a split must share their users and items; build them with one split")
