"""Delimited text: CSV files, and files separated by tabs, as tables; what is wrong with one is named by its line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path

import pyarrow as pa
from pyarrow.csv import ConvertOptions, ParseOptions, read_csv

from recval.data.columns import Where
from recval.errors import DataError


def read_delimited(path: Path, separator: str, types: dict[str, pa.DataType]) -> pa.Table:
    """Return the table in a file of text (UTF-8) with a header; the type of other columns follows from their values.

    Args:
        path: the file.
        separator: one ASCII character. Quotes bind a value, except where it is a tab: there they are characters.
        types: the type of columns, by name.

    Raises:
        DataError: the file is missing or empty, is not UTF-8, has a row with too few or too many values, or a quote
            that is not closed.
    """
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty")
    quoted = separator != "\t"
    try:
        table = read_csv(
            path,
            parse_options=ParseOptions(
                delimiter=separator, quote_char='"' if quoted else False, newlines_in_values=quoted
            ),
            convert_options=ConvertOptions(column_types=types, strings_can_be_null=False),
        )
    except pa.ArrowInvalid as error:
        _refuse(path, separator)
        raise DataError(f"{path}: {' '.join(str(error).split())}") from None
    except ValueError:
        raise DataError(f"{path}: the separator must be one ASCII character. Got {separator!r} instead") from None
    if not _is_text(table) or (quoted and _count(path, b'"') % 2):
        # Arrow takes text that is not UTF-8 for bytes, and lets an unclosed quote swallow the rest of the file.
        _refuse(path, separator)
    return table


def _is_text(table: pa.Table) -> bool:
    try:
        return bool(table.column_names) and not any(map(pa.types.is_binary, table.schema.types))
    except UnicodeDecodeError:
        return False


def line_of(path: Path, separator: str) -> Where:
    """Return what says on which line of a delimited file a row begins; the file is looked at only then."""

    def where(row: int) -> str:
        if row < 0:
            return str(path)
        with suppress(DataError):
            line, _ = next(islice(_records(path, separator), row + 1, None))
            return f"{path}, line {line}"
        return f"{path}, row {row}"

    return where


def _refuse(path: Path, separator: str) -> None:
    """Raise what is wrong with the text of a file, if something is."""
    data = path.read_bytes()
    try:
        data.decode("utf8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"{data[error.start]:#04x}"
        raise DataError(
            f"{path}, line {line}: not UTF-8 text, found the byte {found}; save the file as UTF-8"
        ) from None
    records = _records(path, separator, strict=True)
    _, header = next(records, (0, []))
    line = 0
    for line, values in records:
        if len(values) != len(header):
            expected = f"{len(header)} values ({', '.join(header)})"
            raise DataError(f"{path}, line {line}: expected {expected} as in the header, found {len(values)}")
    if line == 0:
        raise DataError(f"{path}: no rows below the header")


def _records(path: Path, separator: str, strict: bool = False) -> Iterator[tuple[int, list[str]]]:
    """Yield the first line and the values of each record, the header first; a blank line is none.

    Raises:
        DataError: a value is longer than Python's parser allows, or, where `strict`, a quote does not end its value.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        records = csv.reader(
            file,
            delimiter=separator,
            quoting=csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL,
            strict=strict,
        )
        line = 1
        try:
            for record in records:
                if record:
                    yield line, record
                line = records.line_num + 1
        except csv.Error as error:
            problem = "a quote is not closed" if "unexpected end" in str(error) else str(error)
            raise DataError(f"{path}, line {line}: {problem}") from None


def _count(path: Path, character: bytes) -> int:
    with path.open("rb") as file:
        return sum(block.count(character) for block in iter(partial(file.read, 2**20), b""))
