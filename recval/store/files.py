"""Files that are either whole or absent: each is written under a temporary name in its folder, then renamed.

Tensors are kept as safetensors, tables as Parquet, everything else as JSON or text. Nothing is pickled.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from recval.errors import RunError

if TYPE_CHECKING:
    from torch import Tensor


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path to write to; it becomes `path` when the block ends well, and vanishes otherwise.

    Raises:
        RunError: the folder cannot be made or written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}") from None
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file (UTF-8)."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf8")


def write_json(path: str | Path, value: object) -> None:
    """Write a value as JSON, indented, with its keys in their order."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_table(path: str | Path, table: pa.Table) -> None:
    """Write a table as Parquet; the same table gives the same bytes."""
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def write_tensors(path: str | Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write named tensors as safetensors, with a header of text entries; tensors may share memory.

    Raises:
        RunError: the file cannot be written.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    copies = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()
    }
    with replacing(path) as temporary:
        try:
            save_file(copies, temporary, dict(metadata) if metadata else None)
        except SafetensorError as error:
            raise RunError(f"{path} cannot be written: {error}") from None


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        RunError: the file is missing or damaged.
    """
    try:
        return json.loads(_existing(path).read_bytes())
    except ValueError as error:
        raise RunError(f"{path} is not valid JSON: {error}") from None


def read_table(path: str | Path) -> pa.Table:
    """Read a Parquet file.

    Raises:
        RunError: the file is missing or damaged.
    """
    try:
        return pq.read_table(_existing(path))
    except (pa.ArrowException, OSError) as error:
        raise RunError(f"{path} is not a Parquet file: {' '.join(str(error).split())}") from None


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a safetensors file: its tensors, and the text entries of its header.

    Raises:
        RunError: the file is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(_existing(path), framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except SafetensorError as error:
        raise RunError(f"{path} is not a safetensors file: {error}") from None


def _existing(path: str | Path) -> Path:
    if not Path(path).is_file():
        raise RunError(f"there is no file {path}")
    return Path(path)
