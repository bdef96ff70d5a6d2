"""The cache: what was read from text once is kept as Parquet, and read from there the next time.

An entry is named by a digest of everything that its content follows from: the content of the files, how they are read,
the version of Arrow, which infers types, and that of recval. So a changed file, or another way of reading it,
never meets an old entry. An entry is a folder that appears whole, and each of its files is verified when it is read.

The cache never stands in the way: where an entry is damaged, or the folder cannot be written, the text is read.
It lies in the folder that RECVAL_CACHE names, else in the user's folder for caches.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from recval import __version__
from recval.data.interactions import Interactions
from recval.data.knowledge import KnowledgeGraph
from recval.data.text import checksum
from recval.data.vocabulary import Vocabulary

FORMAT = 1
"""To be raised whenever entries, or what is read from the same text, change."""

_MANIFEST = "manifest.json"
_NAME = re.compile(r"[0-9a-f]{64}|\.recval-.*\.tmp")
_DAMAGED = (OSError, ValueError, LookupError, TypeError, pa.ArrowException)
"""What reading a damaged entry may raise."""


@dataclass(frozen=True)
class Entry:
    """One data set in the cache.

    Attributes:
        path: the folder of the entry.
        source: the file or folder that it was read from.
        interactions: how many it holds.
        size: its bytes on disk.
    """

    path: Path
    source: str
    interactions: int
    size: int


def cache_folder() -> Path:
    """Return the folder of the cache, which need not exist.

    Raises:
        RuntimeError: the user has no home.
    """
    if named := os.environ.get("RECVAL_CACHE"):
        return Path(named).expanduser() / "data"
    if sys.platform == "darwin":
        caches = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        caches = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return caches / "recval" / "data"


def entry_key(facts: Mapping[str, Any]) -> str:
    """Return the name of the entry that follows from `facts`: the checksums of the files and how they are read."""
    everything = {"format": FORMAT, "recval": __version__, "arrow": pa.__version__, **facts}
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()


def fetch(key: str) -> Interactions | None:
    """Return the interactions of an entry; None where there is none, or it is damaged."""
    with suppress(*_DAMAGED, RuntimeError):
        folder = cache_folder() / key
        manifest = json.loads((folder / _MANIFEST).read_bytes())
        digests = manifest["sha256"]
        return _interactions({name: _verified(_file(folder, name), digest) for name, digest in digests.items()})
    return None


def keep(key: str, interactions: Interactions, source: str) -> None:
    """Write an entry, in place of a damaged one; where that cannot be done, leave it.

    Args:
        key: the name of the entry.
        interactions: what to keep.
        source: the file or folder that they were read from, for those who list the cache.
    """
    with suppress(OSError, RuntimeError, pa.ArrowException):
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder, prefix=".recval-", suffix=".tmp"))
        try:
            _write(temporary, interactions, source)
            temporary.chmod(0o755)
            shutil.rmtree(folder / key, ignore_errors=True)
            # Where another process was faster, its entry is the same, and the renaming fails.
            temporary.replace(folder / key)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def entries() -> list[Entry]:
    """Return what is in the cache, by source; damaged entries are left out."""
    found = []
    for folder in _folders():
        with suppress(*_DAMAGED):
            manifest = json.loads((folder / _MANIFEST).read_bytes())
            size = sum(file.stat().st_size for file in folder.iterdir())
            found.append(Entry(folder, str(manifest["source"]), int(manifest["interactions"]), size))
    return sorted(found, key=lambda entry: (entry.source, entry.path.name))


def clear() -> int:
    """Empty the cache, and return how many entries were removed.

    Raises:
        OSError: one cannot be removed.
    """
    folders = list(_folders())
    for folder in folders:
        shutil.rmtree(folder)
    return len(folders)


def _folders() -> Iterator[Path]:
    """Yield the folders of entries, unfinished ones of processes that were killed included, and no other folders."""
    with suppress(FileNotFoundError, NotADirectoryError, RuntimeError):
        yield from sorted(folder for folder in cache_folder().iterdir() if _NAME.fullmatch(folder.name))


def _write(folder: Path, interactions: Interactions, source: str) -> None:
    digests = {}
    for name, table in _tables(interactions).items():
        pq.write_table(table, _file(folder, name), compression="zstd", write_statistics=False)
        digests[name] = checksum(_file(folder, name))
    manifest = {"source": source, "interactions": len(interactions), "sha256": digests}
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf8")


def _verified(path: Path, digest: str) -> pa.Table:
    """Return the table in a file.

    Raises:
        ValueError: the file is not the one that was written.
    """
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != digest:
        raise ValueError(f"{path} is damaged")
    file = pq.ParquetFile(pa.BufferReader(data))
    # Parquet has no seconds: times come back in milliseconds, and beside them the types that they had.
    types = pa.ipc.read_schema(pa.py_buffer(b64decode(file.metadata.metadata[b"ARROW:schema"])))
    return file.read().cast(types).combine_chunks()


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.parquet"


def _tables(interactions: Interactions) -> dict[str, pa.Table]:
    """Return the tables that make up interactions, those that are there, by name."""
    graph = interactions.knowledge
    return {
        "interactions": interactions.table,
        **_of_vocabulary("users", interactions.users),
        **_of_vocabulary("items", interactions.items),
        **({} if graph is None else {"triples": graph.triples, "links": pa.table({"entity": graph.links})}),
        **({} if graph is None else _of_vocabulary("entities", graph.entities)),
        **({} if graph is None else _of_vocabulary("relations", graph.relations)),
    }


def _of_vocabulary(name: str, vocabulary: Vocabulary) -> dict[str, pa.Table]:
    ids = {name: pa.table({"id": vocabulary.ids})}
    return ids if vocabulary.fields is None else {**ids, f"{name}_fields": vocabulary.fields}


def _interactions(tables: Mapping[str, pa.Table]) -> Interactions:
    users, items = _vocabulary(tables, "users"), _vocabulary(tables, "items")
    graph = None
    if "triples" in tables:
        links = tables["links"]["entity"].combine_chunks()
        graph = KnowledgeGraph(
            tables["triples"], _vocabulary(tables, "entities"), _vocabulary(tables, "relations"), links
        )
    return Interactions(tables["interactions"], users, items, graph)


def _vocabulary(tables: Mapping[str, pa.Table], name: str) -> Vocabulary:
    return Vocabulary(tables[name]["id"].combine_chunks(), tables.get(f"{name}_fields"))
