"""Delimited text: CSV files, and files separated by tabs, as tables; what is wrong with one is named by its line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

import pyarrow as pa
from pyarrow.csv import ConvertOptions, ParseOptions, ReadOptions, read_csv

from recval.data.columns import Where
from recval.data.text import check_utf8, count, opened
from recval.errors import DataError


def read_delimited(
    path: Path, separator: str, types: dict[str, pa.DataType], header: Sequence[str] | None = None
) -> pa.Table:
    """Return the table in a file of text (UTF-8), which may be compressed (`.gz`).

    Args:
        path: the file.
        separator: one ASCII character. Quotes bind a value, except where it is a tab: there they are characters.
        types: the type of columns, by name; that of the others follows from their values.
        header: the names of the columns, where the file has no header.

    Raises:
        DataError: the file is missing or empty, is not UTF-8, has a row with too few or too many values, or a quote
            that is not closed.
    """
    with opened(path) as file:
        if not file.read(1):
            raise DataError(f"{path}: the file is empty")
    quoted = separator != "\t"
    try:
        table = read_csv(
            path,
            read_options=ReadOptions(column_names=header),
            parse_options=ParseOptions(
                delimiter=separator, quote_char='"' if quoted else False, newlines_in_values=quoted
            ),
            convert_options=ConvertOptions(column_types=types, strings_can_be_null=False),
        )
    except (pa.ArrowInvalid, OSError) as error:
        _refuse(path, separator, header)
        raise DataError(f"{path}: {' '.join(str(error).split())}") from None
    except ValueError:
        raise DataError(f"{path}: the separator must be one ASCII character. Got {separator!r} instead") from None
    if not _is_text(table) or (quoted and count(path, b'"') % 2):
        # Arrow takes text that is not UTF-8 for bytes, and lets an unclosed quote swallow the rest of the file.
        _refuse(path, separator, header)
    return table


def _is_text(table: pa.Table) -> bool:
    try:
        return bool(table.column_names) and not any(map(pa.types.is_binary, table.schema.types))
    except UnicodeDecodeError:
        return False


def line_of(path: Path, separator: str, header: Sequence[str] | None = None) -> Where:
    """Return what says on which line of a delimited file a row begins; the file is looked at only then."""

    def where(row: int) -> str:
        if row < 0:
            return str(path)
        with suppress(DataError):
            line, _ = next(islice(_records(path, separator), row + (header is None), None))
            return f"{path}, line {line}"
        return f"{path}, row {row}"

    return where


def _refuse(path: Path, separator: str, header: Sequence[str] | None) -> None:
    """Raise what is wrong with the text of a file, if something is."""
    with opened(path) as file:
        check_utf8(path, file.read())
    records = _records(path, separator, strict=True)
    origin = " as in the header" if header is None else ""
    names = next(records, (0, []))[1] if header is None else header
    line = 0
    for line, values in records:
        if len(values) != len(names):
            expected = f"{len(names)} values ({', '.join(names)}){origin}"
            raise DataError(f"{path}, line {line}: expected {expected}, found {len(values)}")
    if line == 0:
        raise DataError(f"{path}: no rows below the header")


def _records(path: Path, separator: str, strict: bool = False) -> Iterator[tuple[int, list[str]]]:
    """Yield the first line and the values of each record, a header among them; a blank line is none.

    Raises:
        DataError: a value is longer than Python's parser allows, or, where `strict`, a quote does not end its value.
    """
    with opened(path) as file:
        records = csv.reader(
            io.TextIOWrapper(file, encoding="utf-8-sig", newline=""),
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
