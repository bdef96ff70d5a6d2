"""The interaction table: who interacted with what, and what else is known of it, of them and of that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from recval.errors import DataError

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Vocabulary:
    """The ids of one kind (users or items) in the order of their codes: the id of code `c` is `ids[c]`.

    Attributes:
        ids: the ids, distinct, without nulls; integers or strings.
        fields: what is known of each id, one row an id in the same order (title, gender, …), or None.
    """

    ids: pa.Array
    fields: pa.Table | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def codes(self, ids: Sequence[object] | pa.Array) -> Codes:
        """Return the code of each id.

        Raises:
            DataError: an id is not in the vocabulary; the message names the first such id.
        """
        found = self.find(ids)
        if (found < 0).any():
            first = next(islice(ids, int(np.argmax(found < 0)), None))
            raise DataError(f"unknown id {_plain(first)!r}: it is not among the {len(self):,} known ones")
        return found

    def find(self, ids: Sequence[object] | pa.Array) -> Codes:
        """Return the code of each id, -1 where the id is unknown.

        Raises:
            DataError: an id is not of the vocabulary's type, and cannot be read as one.
        """
        try:
            wanted = ids if isinstance(ids, pa.Array | pa.ChunkedArray) else pa.array(list(ids))
            found = pc.index_in(wanted.cast(self.ids.type), value_set=self.ids)
        except (pa.ArrowException, OverflowError) as error:
            raise DataError(f"ids must be of the type {self.ids.type}, as in the data: {error}") from None
        return pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int64)

    def names(self, codes: npt.ArrayLike) -> list[object]:
        """Return the id of each code."""
        return self.ids.take(pa.array(np.asarray(codes, np.int64))).to_pylist()


@dataclass(frozen=True)
class Interactions:
    """Interactions of users with items, as integer codes over Arrow columns.

    Build one with `recval.data.from_frame`, `from_csv`, `from_parquet` or `from_atomic`.

    Attributes:
        table: one row an interaction; the columns `user` and `item` hold codes (int64); `rating` (float64),
            `time` (float64) and `label` (int64) are optional; further columns are side fields.
        users: the users' ids; every code in `table` is below `len(users)`.
        items: the items' ids.
    """

    table: pa.Table
    users: Vocabulary
    items: Vocabulary

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


@dataclass(frozen=True)
class Split:
    """Interactions to train on, to choose by, and to report on; all three share their vocabularies.

    Raises:
        DataError: the vocabularies differ, or there is nothing to train on.
    """

    train: Interactions
    valid: Interactions
    test: Interactions

    def __post_init__(self) -> None:
        for part in (self.valid, self.test):
            same = part.users.ids.equals(self.train.users.ids) and part.items.ids.equals(self.train.items.ids)
            if not same:
                raise DataError("the parts of a split must share their users and items; build them with one split")
        if len(self.train) == 0:
            raise DataError("no interactions are left to train on")

    def fingerprint(self) -> dict[str, Any]:
        """Return the sizes of the parts, and a digest of who interacts with what in each."""
        digest = hashlib.sha256()
        for part in (self.train, self.valid, self.test):
            digest.update(len(part).to_bytes(8, "little") + part.user.tobytes() + part.item.tobytes())
        for vocabulary in (self.users, self.items):
            digest.update(json.dumps(vocabulary.ids.to_pylist()).encode())
        sizes = {"train": len(self.train), "valid": len(self.valid), "test": len(self.test)}
        return {"users": len(self.users), "items": len(self.items), **sizes, "sha256": digest.hexdigest()}

    @property
    def users(self) -> Vocabulary:
        """The users, shared by the parts."""
        return self.train.users

    @property
    def items(self) -> Vocabulary:
        """The items, shared by the parts."""
        return self.train.items


def _plain(value: object) -> object:
    if isinstance(value, pa.Scalar):
        return value.as_py()
    return value.item() if isinstance(value, np.generic) else value
