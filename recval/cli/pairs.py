"""The training interaction that a person names by its user and item."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recval.data import Interactions, Split, Vocabulary
from recval.errors import DataError, nearest


def row_of_pair(split: Split, user: str, item: str) -> int:
    """Return the position of a pair in the training part; the first, where it stands there more than once.

    Args:
        split: the data.
        user: the user's id, as it was typed.
        item: the item's id, as it was typed.

    Raises:
        DataError: the user or item is unknown, or the pair was not trained on.
    """
    codes = _code(split.users, user, "user"), _code(split.items, item, "item")
    if len(found := _rows_of(split.train, codes)):
        return int(found[0])
    pair = f"user {split.users.names([codes[0]])[0]}, item {split.items.names([codes[1]])[0]}"
    for name, part in (("validation", split.valid), ("test", split.test)):
        if len(_rows_of(part, codes)):
            raise DataError(f"{pair} is in the {name} part; only training interactions have a value")
    raise DataError(f"there is no interaction of {pair} in the data; only training interactions have a value")


def _rows_of(part: Interactions, codes: tuple[int, int]) -> npt.NDArray[np.intp]:
    return np.flatnonzero((part.user == codes[0]) & (part.item == codes[1]))


def _code(vocabulary: Vocabulary, given: str, role: str) -> int:
    """Return the code of an id that a person typed.

    Raises:
        DataError: it is unknown.
    """
    try:
        code = int(vocabulary.find([given])[0])
    except DataError:  # text where ids are numbers
        code = -1
    if code < 0:
        near = nearest(given, map(str, vocabulary.ids.to_pylist()))
        raise DataError(f"unknown {role} {given!r}{near} (the data has {len(vocabulary):,} {role}s)")
    return code
