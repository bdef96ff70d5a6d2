"""Tables of customers in files of CSV (UTF-8, compressed by gzip or not) and of Parquet.

Whole, or in chunks of rows, so that a table of any length is read and written in bounded memory. Columns of text come
as pandas' type category; an empty value is missing, and so are NA, NaN and null in a column of numbers.

In text, types are inferred: over all rows where a table is read whole, and from the first chunk where it is read in
chunks. A model knows better: its `encoder.kinds` say which columns are numbers and which are text ("007" stays "007").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from recval.data.delimited import read_delimited
from recval.data.text import count, opened
from recval.errors import ConfigError, DataError
from recval.store.files import replacing

Kinds = Mapping[str, Literal["number", "category"]]
"""What columns hold, by their names, where it is known."""

ROWS = 2**16
"""The rows of a chunk."""

_BLOCK = 2**22
"""The bytes of text that are read at a time."""
_BUFFER = 2**20
"""The bytes of a column of Parquet that are read at a time; without a buffer, Arrow would keep the whole file."""


def read_frame(path: str | Path, kinds: Kinds | None = None) -> pd.DataFrame:
    """Return the table in a file.

    Args:
        path: a `.csv`, `.csv.gz` or `.parquet` file.
        kinds: which columns hold text; text and numbers are told apart by their values where it is None.

    Raises:
        ConfigError: the ending is another one.
        DataError: the file is missing, or is not what its ending says.
    """
    path = Path(path)
    if _is_parquet(path):
        with _parquet(path) as file:
            return _frame(file.read())
    _refuse_semicolons(path)
    texts = {name: pa.string() for name, kind in (kinds or {}).items() if kind == "category"}
    return _frame(read_delimited(path, ",", texts))


def read_chunks(path: str | Path, kinds: Kinds | None = None, rows: int = ROWS) -> Iterator[pd.DataFrame]:
    """Yield the rows of a file in order, in one chunk at least, even if it has no row.

    Args:
        path: as in `read_frame`.
        kinds: what the columns hold that are known; the types of others follow from the first chunk.
        rows: the most rows of a chunk.

    Raises:
        ConfigError: the ending is another one, or `rows` is less than 1.
        DataError: the file is missing, is not what its ending says, or a value does not fit its column.
    """
    if rows < 1:
        raise ConfigError(f"a chunk must have at least 1 row, got rows={rows}")
    path = Path(path)
    if _is_parquet(path):
        with _parquet(path) as file:
            yield from _whole_chunks(file.iter_batches(batch_size=rows), file.schema_arrow, rows)
    else:
        with _text(path), _streamed(path, _types(path, kinds or {})) as reader:
            yield from _whole_chunks(reader, reader.schema, rows)


def count_rows(path: str | Path) -> int:
    """Return how many rows a file has; of text, how many lines below the header, for it is not parsed.

    Raises:
        ConfigError: the ending says no format.
        DataError: the file is missing, or is not what its ending says.
    """
    path = Path(path)
    if _is_parquet(path):
        with _parquet(path) as file:
            return file.metadata.num_rows
    return max(count(path, b"\n") - 1, 0)


@contextmanager
def writing(path: str | Path) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Give a function that appends rows to a new file, which appears whole when the block ends well.

    The types of the columns are those of the first rows.

    Args:
        path: a file with an ending as in `read_frame`; there is nothing of it where the block fails.

    Raises:
        ConfigError: the ending is another one.
        DataError: a value does not fit its column.
        RunError: the file cannot be written.
    """
    path = Path(path)
    sink_of = _parquet_sink if _is_parquet(path) else partial(_text_sink, path)
    with replacing(path) as temporary, ExitStack() as stack:
        sink: pq.ParquetWriter | pacsv.CSVWriter | None = None
        schema: pa.Schema | None = None

        def write(frame: pd.DataFrame) -> None:
            nonlocal sink, schema
            table = _plain(pa.Table.from_pandas(frame, preserve_index=False))
            if sink is None:
                schema = table.schema
                sink = stack.enter_context(sink_of(temporary, schema))
            try:
                sink.write_table(table.cast(schema))
            except (pa.ArrowException, ValueError) as error:
                raise DataError(f"{path}: the rows do not fit those above: {_one_line(error)}") from None

        yield write
        if sink is None:
            raise DataError(f"{path}: there is no table to write")


def _is_parquet(path: Path) -> bool:
    if not path.name.endswith((".csv", ".csv.gz", ".parquet")):
        raise ConfigError(f"{path}: the format follows from the ending, which must be .csv, .csv.gz or .parquet")
    return path.suffix == ".parquet"


@contextmanager
def _parquet(path: Path) -> Iterator[pq.ParquetFile]:
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    try:
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} is not a Parquet file: {_one_line(error)}") from None


@contextmanager
def _text(path: Path) -> Iterator[None]:
    """Refuse a file that is missing or empty, and tell in one line what Arrow says of its values."""
    with opened(path) as file:
        if not file.read(1):
            raise DataError(f"{path}: the file is empty")
    _refuse_semicolons(path)
    if count(path, b'"') % 2:
        raise DataError(f"{path}: a quote is not closed; a value that holds quotes must be quoted, each one doubled")
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: {_one_line(error)}") from None


def _refuse_semicolons(path: Path) -> None:
    """Refuse text as spreadsheets write it in much of Europe."""
    with opened(path) as file:
        header = file.readline()
    if b";" in header and b"," not in header:
        raise DataError(
            f"{path}: the columns are separated by semicolons, and must be by commas; decimals are 12.5, not 12,5"
        )


def _streamed(path: Path, types: Mapping[str, pa.DataType]) -> pacsv.CSVStreamingReader:
    return pacsv.open_csv(
        path,
        read_options=pacsv.ReadOptions(block_size=_BLOCK),
        parse_options=pacsv.ParseOptions(newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(column_types=types, strings_can_be_null=False),
    )


def _types(path: Path, kinds: Kinds) -> dict[str, pa.DataType]:
    """Return the types of columns that all rows must fit: whole numbers in the first chunk may have fractions later."""
    with _streamed(path, {}) as reader:
        schema = reader.schema
    types = {}
    for field in schema:
        if pa.types.is_binary(field.type):
            raise DataError(f"{path}: the column {field.name!r} is not UTF-8 text; save the file as UTF-8")
        kind = kinds.get(field.name)
        if kind == "category" or (pa.types.is_null(field.type) and kind is None):
            types[field.name] = pa.string()
        elif kind == "number" and (pa.types.is_integer(field.type) or pa.types.is_null(field.type)):
            types[field.name] = pa.float64()
    return types


def _whole_chunks(batches: Iterable[pa.RecordBatch], schema: pa.Schema, rows: int) -> Iterator[pd.DataFrame]:
    """Yield batches as frames of at most `rows` rows, an empty one where there is none."""
    found = False
    for batch in batches:
        for start in range(0, batch.num_rows, rows):
            found = True
            yield _frame(pa.Table.from_batches([batch.slice(start, rows)]))
    if not found:
        yield _frame(schema.empty_table())


def _frame(table: pa.Table) -> pd.DataFrame:
    """Return a table as a frame: empty text is missing, text is a category, rows are numbered from 0.

    The index that pandas wrote into a Parquet file is a column where it has a name, and left out where it has none.
    """
    table = table.drop_columns([name for name in table.column_names if name.startswith("__index_level_")])
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            column = table.column(place)
            empty = pc.equal(column, "")
            if pc.any(empty).as_py():
                table = table.set_column(place, field, pc.if_else(empty, None, column))
    return table.to_pandas(strings_to_categorical=True, ignore_metadata=True)


def _plain(table: pa.Table) -> pa.Table:
    """Return a table with dictionaries, which differ from chunk to chunk, replaced by their values."""
    fields = [
        field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))


def _parquet_sink(temporary: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(temporary, schema, compression="zstd")


@contextmanager
def _text_sink(path: Path, temporary: Path, schema: pa.Schema) -> Iterator[pacsv.CSVWriter]:
    options = pacsv.WriteOptions(quoting_style="needed")
    with (
        pa.output_stream(temporary, compression="gzip" if path.suffix == ".gz" else None) as stream,
        pacsv.CSVWriter(stream, schema, write_options=options) as writer,
    ):
        yield writer


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
