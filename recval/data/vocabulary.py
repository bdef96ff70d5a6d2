"""The vocabulary: ids of one kind, users or items, and the codes that stand for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
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


def _plain(value: object) -> object:
    if isinstance(value, pa.Scalar):
        return value.as_py()
    return value.item() if isinstance(value, np.generic) else value
