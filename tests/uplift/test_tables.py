from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recval.errors import ConfigError, DataError, RecvalError
from recval.uplift import FeatureEncoder
from recval.uplift.tables import count_rows, read_chunks, read_frame, writing

ENDINGS = (".csv", ".csv.gz", ".parquet")


def message_of(call, *arguments, error=DataError, **keywords):
    with pytest.raises(RecvalError) as raised:
        call(*arguments, **keywords)
    assert type(raised.value) is error
    assert "\n" not in str(raised.value)
    return str(raised.value)


def read_all(path, **keywords):
    return pd.concat(read_chunks(path, **keywords), ignore_index=True)


def write(path, frames):
    with writing(path) as append:
        for frame in frames:
            append(frame)
    return path


def plain(frame):
    """Return a frame with its text as objects, None where it is missing, however it is held."""
    texts = [name for name in frame if not pd.api.types.is_numeric_dtype(frame[name])]
    return frame.assign(**{name: frame[name].astype(object).where(frame[name].notna(), None) for name in texts})


@pytest.fixture
def frame():
    rng = np.random.default_rng(2)
    return pd.DataFrame(
        {
            "id": np.arange(5000),
            "number": np.where(rng.random(5000) < 0.1, np.nan, rng.normal(size=5000)),
            "flag": rng.random(5000) < 0.5,
            "text": rng.choice(["a,b", 'say "x"', "two\nlines", "ü", "NA", None], 5000),
        }
    )


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_written_in_chunks_is_read_whole_and_in_chunks(tmp_path, frame, ending):
    path = write(tmp_path / f"rows{ending}", (frame.iloc[start : start + 1300] for start in range(0, 5000, 1300)))
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    expected = plain(frame)
    pd.testing.assert_frame_equal(plain(read_frame(path)), expected)
    pd.testing.assert_frame_equal(plain(read_all(path)), expected)
    chunks = list(read_chunks(path, rows=999))
    assert max(map(len, chunks)) <= 999
    pd.testing.assert_frame_equal(plain(pd.concat(map(plain, chunks), ignore_index=True)), expected)


def test_a_plain_reader_agrees(tmp_path, frame):
    frame = frame.replace({"text": {"NA": "na"}})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    frame.to_parquet(tmp_path / "rows.parquet")
    for name in ("rows.csv", "rows.parquet"):
        pd.testing.assert_frame_equal(plain(read_frame(tmp_path / name)), plain(frame), check_exact=True)
    theirs = pd.read_csv(write(tmp_path / "ours.csv", [frame]), float_precision="round_trip")
    pd.testing.assert_frame_equal(plain(theirs), plain(frame), check_exact=True)


@pytest.mark.parametrize("ending", ENDINGS)
def test_categories_are_written_by_their_text(tmp_path, ending):
    first = pd.DataFrame({"town": pd.Categorical(["b", "a"]), "y": [1, 2]})
    second = pd.DataFrame({"town": pd.Categorical(["c", None]), "y": [3, 4]})
    path = write(tmp_path / f"towns{ending}", [first, second])
    assert plain(read_frame(path))["town"].tolist() == ["b", "a", "c", None]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_table_without_rows_is_one_empty_chunk(tmp_path, ending):
    empty = pd.DataFrame({"a": pd.Series([], dtype=float), "b": pd.Series([], dtype=str)})
    path = write(tmp_path / f"none{ending}", [empty])
    (chunk,) = read_chunks(path)
    assert (len(chunk), list(chunk)) == (0, ["a", "b"])
    assert len(read_frame(path)) == 0
    assert count_rows(path) == 0


@pytest.mark.parametrize("ending", ENDINGS)
def test_one_row_is_read(tmp_path, ending):
    path = write(tmp_path / f"one{ending}", [pd.DataFrame({"a": [1.5], "b": ["x"]})])
    assert count_rows(path) == 1
    assert [chunk.astype(object).to_numpy().tolist() for chunk in read_chunks(path)] == [[[1.5, "x"]]]


def test_rows_are_counted(tmp_path, frame):
    numbers = frame[["id", "number"]]
    for ending in ENDINGS:
        assert count_rows(write(tmp_path / f"rows{ending}", [numbers])) == 5000


def test_a_model_says_what_is_text_and_what_is_a_number(tmp_path):
    """The first chunk shows whole numbers only; without being told so, 007 would be 7, and 0.5 no whole number."""
    encoder = FeatureEncoder.fit(pd.DataFrame({"code": ["007", "x"], "n": [0.0, 2.0]}))
    lines = ["007,1,9\n"] * 900_000 + ["x,0.5,9\n"]
    path = tmp_path / "rows.csv"
    path.write_text("code,n,other\n" + "".join(lines))
    assert "invalid value" in message_of(read_all, path)
    codes, numbers = set(), set()
    for chunk in read_chunks(path, kinds=encoder.kinds):
        found = encoder.encode(chunk)
        codes.update(found.codes[:, 0])
        numbers.update(found.numeric[:, 0])
    assert codes == {1, 2}
    assert numbers == {0.0, -0.5}
    assert read_frame(path, kinds=encoder.kinds)["code"].cat.categories.tolist() == ["007", "x"]


def test_a_column_that_is_empty_in_the_first_chunk_can_be_text_later(tmp_path):
    path = tmp_path / "late.csv"
    path.write_text("a,b\n" + ",1\n" * 3_000_000 + "late,2\n")
    last = list(read_chunks(path))[-1]
    assert last["a"].iloc[-1] == "late"
    assert last["a"].iloc[:-1].isna().all()


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("old")

    def frames():
        yield pd.DataFrame({"a": [1]})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(path, frames())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("second", [{"a": ["x"]}, {"b": [1]}, {"a": [1], "b": [1]}, {"a": [0.5]}])
@pytest.mark.parametrize("ending", ENDINGS)
def test_rows_that_do_not_fit_those_above_are_refused(tmp_path, second, ending):
    path = tmp_path / f"rows{ending}"
    said = message_of(write, path, [pd.DataFrame({"a": [1]}), pd.DataFrame(second)])
    assert said.startswith(f"{path}: the rows do not fit those above: ")
    assert list(tmp_path.iterdir()) == []


def test_nothing_written_is_an_error(tmp_path):
    assert message_of(write, tmp_path / "none.csv", []) == f"{tmp_path / 'none.csv'}: there is no table to write"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("read", [read_frame, read_all])
@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "the file is empty"),
        ("a.csv", b"x,y\n1,2\n3\n", "xpected 2"),
        ("a.csv", b'x,y\n1,"2\n3,4\n', ""),
        ("a.csv", b"x,y\n\xff\xfe,2\n", "UTF-8"),
        ("a.csv", b"x;y\n1;2,5\n", "the columns are separated by semicolons"),
        ("a.csv.gz", b"x,y\n1,2\n", "gzip"),
        ("a.parquet", b"x,y\n1,2\n", "is not a Parquet file"),
        ("a.csv", None, "there is no file"),
        ("a.csv.gz", None, "there is no file"),
        ("a.parquet", None, "there is no file"),
    ],
)
def test_files_that_cannot_be_read_are_refused(tmp_path, read, name, content, said):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    message = message_of(read, tmp_path / name)
    assert said in message
    assert str(tmp_path / name) in message


@pytest.mark.parametrize("call", [read_frame, read_all, count_rows, lambda path: write(path, [])])
def test_other_endings_are_refused(tmp_path, call):
    said = message_of(call, tmp_path / "rows.xlsx", error=ConfigError)
    assert said.endswith("rows.xlsx: the format follows from the ending, which must be .csv, .csv.gz or .parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_chunk_has_at_least_one_row(tmp_path):
    assert "at least 1 row" in message_of(read_all, tmp_path / "a.csv", rows=0, error=ConfigError)


@pytest.mark.parametrize("many", [True, False])
def test_chunks_bound_what_is_read(tmp_path, many):
    """A table of 64 row groups, or of one, is read with far less memory than the table needs."""
    path = tmp_path / "long.parquet"
    groups, size = (64, 20_000) if many else (1, 128 * 20_000)
    part = pa.table({f"x{place}": np.random.default_rng(place).normal(size=size) for place in range(4)})
    with pq.ParquetWriter(path, part.schema) as writer:
        for _ in range(groups):
            writer.write_table(part)
    before, peak = pa.total_allocated_bytes(), 0
    for chunk in read_chunks(path, rows=10_000):
        assert len(chunk) == 10_000
        peak = max(peak, pa.total_allocated_bytes() - before)
    assert peak < groups * part.nbytes / 5


def test_text_that_was_compressed_elsewhere_is_read(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"x,y\n1,a\n"))
    assert read_frame(tmp_path / "a.csv.gz").astype(object).to_numpy().tolist() == [[1, "a"]]
