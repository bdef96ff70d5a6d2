from __future__ import annotations

import json
import math
import resource
from contextlib import contextmanager

import pyarrow as pa
import pytest
import torch

from recval.errors import RunError
from recval.store.environment import environment
from recval.store.files import (
    read_json,
    read_table,
    read_tensors,
    replacing,
    write_json,
    write_table,
    write_tensors,
    write_text,
)

LARGE = 200_000
WRITERS = {
    "text": lambda path: write_text(path, "x" * LARGE),
    "json": lambda path: write_json(path, ["x" * LARGE]),
    "table": lambda path: write_table(path, pa.table({"x": torch.rand(LARGE).numpy()})),
    "tensors": lambda path: write_tensors(path, {"x": torch.rand(LARGE)}),
}
READERS = {"json": read_json, "table": read_table, "tensors": read_tensors}


@contextmanager
def small_files(limit):
    """No file of this process may grow beyond `limit` bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("error", [RuntimeError("stopped"), KeyboardInterrupt()])
def test_what_fails_half_way_leaves_the_old_file_and_no_other(tmp_path, error):
    path = tmp_path / "metrics.json"
    write_text(path, "old")

    def write_half():
        with replacing(path) as temporary:
            temporary.write_text("ne")
            raise error

    with pytest.raises(type(error)):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_new_file_appears_only_when_it_is_whole(tmp_path):
    path = tmp_path / "a" / "b" / "metrics.json"
    with replacing(path) as temporary:
        assert temporary.parent == path.parent
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path, writer):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RunError) as raised, small_files(50_000):
        WRITERS[writer](path)
    assert str(raised.value).startswith(f"{path} cannot be written: ")
    assert "\n" not in str(raised.value)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("writer", WRITERS)
def test_what_cannot_be_written_is_named(tmp_path, writer):
    (tmp_path / "file").write_text("old")
    (tmp_path / "folder").mkdir()
    for path, problem in [
        (tmp_path / "file" / "below", "File exists"),
        (tmp_path / "file" / "far" / "below", "Not a directory"),
        (tmp_path / "folder", "Is a directory"),
        (tmp_path / ("x" * 300), "File name too long"),
    ]:
        with pytest.raises(RunError) as raised:
            WRITERS[writer](path)
        assert str(raised.value) == f"{path} cannot be written: {problem}"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize("reader", READERS)
def test_what_cannot_be_read_is_named(tmp_path, reader):
    path = tmp_path / "file"
    for missing in (path, tmp_path, path / "below"):
        with pytest.raises(RunError) as raised:
            READERS[reader](missing)
        assert str(raised.value) == f"there is no file {missing}"
    WRITERS[reader](path)
    whole = path.read_bytes()
    halves = [b"", b"{", whole[: len(whole) // 2], whole[:-9], b"\xff" * 64 + whole[64:]]
    for content in halves:
        path.write_bytes(content)
        with pytest.raises(RunError) as raised:
            READERS[reader](path)
        assert str(raised.value).startswith(f"{path} is not ")
        assert "\n" not in str(raised.value)


def test_json_comes_back_in_its_order_and_with_all_digits(tmp_path):
    value = {"b": [1, 0.1 + 0.2, None, True], "ä": {"z": "漢\n", "a": ""}}
    write_json(tmp_path / "value.json", value)
    assert json.dumps(read_json(tmp_path / "value.json")) == json.dumps(value)
    assert "漢" in (tmp_path / "value.json").read_text(encoding="utf8")


@pytest.mark.parametrize(("value", "error"), [({"x": math.nan}, ValueError), ({"x": math.inf}, ValueError)])
def test_what_json_cannot_say_is_refused_before_anything_is_written(tmp_path, value, error):
    write_text(tmp_path / "value.json", "old")
    with pytest.raises(error):
        write_json(tmp_path / "value.json", value)
    assert (tmp_path / "value.json").read_text() == "old"


def test_the_same_table_gives_the_same_bytes(tmp_path):
    def table():
        return pa.table({"user": pa.array(range(5000)), "name": pa.array([f"n{i % 7}" for i in range(5000)])})

    write_table(tmp_path / "first.parquet", table())
    write_table(tmp_path / "second.parquet", table())
    assert (tmp_path / "first.parquet").read_bytes() == (tmp_path / "second.parquet").read_bytes()
    assert read_table(tmp_path / "first.parquet").equals(table())


def test_tensors_come_back_bit_for_bit_whatever_memory_they_share(tmp_path):
    whole = torch.rand(4, 6)
    tensors = {
        "whole": whole,
        "again": whole,
        "row": whole[1],
        "columns": whole[:, ::2],
        "transposed": whole.T,
        "scalar": torch.tensor(-0.0),
        "empty": torch.zeros(0, 3),
        "integers": torch.tensor([2**62, -1]),
        "truths": torch.tensor([True, False]),
        "halves": torch.tensor([1.5], dtype=torch.bfloat16),
        "odd": torch.tensor([math.nan, math.inf, -math.inf]),
        "parameter": torch.nn.Parameter(torch.ones(2)),
    }
    write_tensors(tmp_path / "model.safetensors", tensors, {"made": "here"})
    read, header = read_tensors(tmp_path / "model.safetensors")
    assert header == {"made": "here"}
    assert read.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert read[name].dtype == tensor.dtype
        torch.testing.assert_close(read[name], tensor.detach(), rtol=0, atol=0, equal_nan=True)
    assert read["scalar"].signbit()
    write_tensors(tmp_path / "model.safetensors", {})
    assert read_tensors(tmp_path / "model.safetensors") == ({}, {})


def test_the_environment_can_be_written_and_names_the_versions(tmp_path):
    write_json(tmp_path / "environment.json", environment())
    read = read_json(tmp_path / "environment.json")
    assert (
        read["packages"]["torch"] == torch.__version__.split("+")[0] or read["packages"]["torch"] == torch.__version__
    )
    assert read["packages"]["pyarrow"] == pa.__version__
    assert read["cores"] >= 1
