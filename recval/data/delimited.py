"""Delimited text: CSV files, and files separated by tabs, as tables; what is wrong with one is named by its line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import suppress
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
        DataError: the file is empty, is not UTF-8, or has a row with too few or too many values.
    """
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
        raise DataError(_defect(path, separator) or f"{path}: {' '.join(str(error).split())}") from None
    except ValueError:
        raise DataError(f"{path}: the separator must be one ASCII character. Got {separator!r} instead") from None
    if any(pa.types.is_binary(kind) for kind in table.schema.types):
        raise DataError(_defect(path, separator) or f"{path}: not UTF-8 text")
    return table


def line_of(path: Path, separator: str) -> Where:
    """Return what says on which line of a delimited file a row begins; the file is looked at only then."""

    def where(row: int) -> str:
        if row < 0:
            return str(path)
        line, _ = next(islice(_records(path, separator), row + 1, None), (0, []))
        return f"{path}, line {line}" if line else f"{path}, row {row}"

    return where


def _defect(path: Path, separator: str) -> str | None:
    """Return what is wrong with a file that could not be parsed: its first byte that is no text, or ragged row."""
    data = path.read_bytes()
    try:
        data.decode("utf8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return f"{path}, line {line}: not UTF-8 text, found the byte {data[error.start]:#04x}; save the file as UTF-8"
    records = _records(path, separator)
    _, header = next(records, (0, []))
    line = 0
    for line, values in records:
        if len(values) != len(header):
            expected = f"{len(header)} values ({', '.join(header)})"
            return f"{path}, line {line}: expected {expected} as in the header, found {len(values)}"
    return None if line else f"{path}: no rows below the header"


def _records(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the first line and the values of each record, the header first; a blank line is none.

    Ends at a value that is too long for Python's parser.
    """
    with path.open(encoding="utf-8-sig", newline="") as file, suppress(csv.Error):
        records = csv.reader(
            file, delimiter=separator, quoting=csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL
        )
        line = 1
        for record in records:
            if record:
                yield line, record
            line = records.line_num + 1
