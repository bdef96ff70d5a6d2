"""Files of text (UTF-8), as they are or compressed by gzip (`.gz`): their content, checksum, and faults of encoding."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from recval.errors import DataError


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file to read its content, decompressed where its name ends in `.gz`.

    Raises:
        DataError: there is no such file, or it is not what its ending says.
    """
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    try:
        with cast(BinaryIO, gzip.open(path) if path.suffix == ".gz" else path.open("rb")) as file:
            yield file
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path} is not a whole file of gzip: {error}") from None


def checksum(path: Path) -> str:
    """Return the sha256 of a file's content, the same whether it is compressed or not.

    Raises:
        DataError: as in `opened`.
    """
    with opened(path) as file:
        digest = hashlib.sha256()
        for block in iter(partial(file.read, 2**20), b""):
            digest.update(block)
        return digest.hexdigest()


def count(path: Path, character: bytes) -> int:
    """Return how often a character occurs in a file."""
    with opened(path) as file:
        return sum(block.count(character) for block in iter(partial(file.read, 2**20), b""))


def check_utf8(path: Path, data: bytes) -> None:
    """Refuse text that is not UTF-8.

    Raises:
        DataError: the message names the line and the byte.
    """
    try:
        data.decode("utf8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"{data[error.start]:#04x}"
        raise DataError(
            f"{path}, line {line}: not UTF-8 text, found the byte {found}; save the file as UTF-8"
        ) from None
