"""Adjacency lists: text with one user a line, followed by the items that the user met: `user item item …`.

The format of the splits that NGCF, LightGCN and many after them publish. The file may be compressed (`.gz`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recval.data.columns import Where
from recval.data.encoding import Duplicates, encode
from recval.data.interactions import Interactions
from recval.data.text import check_utf8, opened
from recval.errors import DataError

_SEPARATORS = b" \t\r\n"


def from_adjacency(path: str | Path, *, duplicates: Duplicates = "error") -> Interactions:
    """Return the interactions in an adjacency list; ids are text.

    Spaces or tabs separate the ids. Blank lines are skipped, and a user without items has no interactions, so is not
    among the users. A user may have several lines.

    Args:
        path: the file.
        duplicates: as in `from_frame`.

    Raises:
        DataError: the file is missing or empty, is not UTF-8, or a pair occurs twice; the message names file and line.
    """
    path = Path(path)
    with opened(path) as file:
        data = file.read().removeprefix(b"\xef\xbb\xbf")
    if not data:
        raise DataError(f"{path}: the file is empty")
    check_utf8(path, data)
    ids, line = _ids(np.frombuffer(data, np.uint8))
    leads = np.diff(line, prepend=-1) != 0
    user = np.flatnonzero(leads)[np.cumsum(leads) - 1]
    table = pa.table({"user": ids.take(pa.array(user[~leads])), "item": ids.filter(pa.array(~leads))})
    return encode(table, _where(path, line[~leads]), duplicates=duplicates)


def _ids(text: npt.NDArray[np.uint8]) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """Return the ids in a text, and the line of each, counted from 0."""
    separates = np.isin(text, np.frombuffer(_SEPARATORS, np.uint8))
    edges = np.diff(separates, prepend=True, append=True)
    bounds = np.flatnonzero(edges)
    starts, ends = bounds[::2], bounds[1::2]
    offsets = np.append(0, np.cumsum(ends - starts))
    ids = pa.LargeStringArray.from_buffers(
        len(starts), pa.py_buffer(offsets.astype(np.int64)), pa.py_buffer(text[~separates])
    )
    breaks = np.flatnonzero(text == ord("\n"))
    return ids, np.searchsorted(breaks, starts)


def _where(path: Path, line: npt.NDArray[np.int64]) -> Where:
    return lambda row: f"{path}, line {line[row] + 1}" if row >= 0 else str(path)
