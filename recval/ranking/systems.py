"""Systems that can be compared: the methods of runs, and tables of metrics per user from anywhere else.

A system is what has a value of each metric for each user, with one training seed or with several. It is read from the
folder of a run (all of its methods, or one: `runs/x:DVR`, also a reference, `runs/x:EASE`), from a CSV or Parquet file
or a DataFrame with the column `user` and one column a metric (and, where there are, `seed` and `method`), or taken
from an object that has such a table as `per_user`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import pyarrow as pa

from recval.data.columns import checked_ids
from recval.data.delimited import read_delimited
from recval.errors import ConfigError, DataError, nearest, unknown
from recval.ranking.evaluate import Evaluation
from recval.ranking.significance import Floats
from recval.store.files import read_json, read_table, write_table
from recval.store.run import Run

_KEYS = ("method", "seed", "user")
_DIGEST = b"recval.data"


class HasPerUser(Protocol):
    """What `recval.fit` and an `Evaluator` return."""

    @property
    def per_user(self) -> pd.DataFrame:
        """One row a user, indexed by the user; one column a metric."""


Source = str | Path | Run | pd.DataFrame | HasPerUser
"""Where systems come from."""


@dataclass(frozen=True, eq=False)
class System:
    """The metrics of one system for each seed and user.

    Attributes:
        name: what it is called.
        source: where it comes from, in words.
        users: the users' ids, distinct, ascending.
        seeds: the training seeds; one where nothing is known of seeds.
        metrics: the names of the metrics.
        values: shape [seeds, users, metrics]; NaN where a metric is not defined for a user.
        data: digest of the data and split that it was evaluated on; None where it is not known.
        coded: whether the users are codes rather than their own ids.
    """

    name: str
    source: str
    users: pd.Index
    seeds: tuple[object, ...]
    metrics: tuple[str, ...]
    values: Floats
    data: str | None
    coded: bool = False


def open_systems(sources: Mapping[str, Source] | Sequence[Source]) -> list[System]:
    """Return all systems of the sources, in their order.

    A system is called by its source and its method, as in "x:DVR"; by its source alone where that has no methods, or
    where the caller named the source and it has one method. Sources of one name are numbered.

    Args:
        sources: the sources by name; or paths and runs, which are called by their folder or file.

    Raises:
        ConfigError: a source has no name, a method is unknown, or a system occurs twice.
        DataError: a table is not one of metrics per user.
        RunError: there is no finished run, or a file of it is damaged.
    """
    named = list(sources.items()) if isinstance(sources, Mapping) else _labelled(sources)
    systems = [
        system for name, source in named for system in _open(name, source, is_given=isinstance(sources, Mapping))
    ]
    names = [system.name for system in systems]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"{twice} is named twice; name each system once")
    return systems


def write_per_user(path: Path, per_user: pd.DataFrame, data: str) -> None:
    """Write a table of metrics per user as Parquet, with the digest of the data that it was evaluated on.

    Args:
        path: the file.
        per_user: indexed by the users' own ids.
        data: the digest of the split.
    """
    table = pa.Table.from_pandas(per_user.reset_index(), preserve_index=False)
    write_table(path, table.replace_schema_metadata({_DIGEST: data.encode()}))


def _labelled(sources: Sequence[Source]) -> list[tuple[str, Source]]:
    """Return the sources with the names of their folders or files; a name that occurs again is numbered."""
    labels: dict[Path, str] = {}
    found: list[tuple[str, Source]] = []
    for source in sources:
        if not isinstance(source, str | Path | Run):
            raise ConfigError("a table has no name of its own; name the systems, as in compare({'ours': table, …})")
        place = (source.path if isinstance(source, Run) else _located(source)[0]).resolve()
        name = place.name if place.is_dir() else place.stem
        label, number = name, 1
        while place not in labels and label in labels.values():
            number += 1
            label = f"{name}#{number}"
        found.append((labels.setdefault(place, label), source))
    return found


def _located(source: str | Path) -> tuple[Path, str | None]:
    """Return the path and the method of PATH or PATH:METHOD."""
    path, colon, method = str(source).rpartition(":")
    return (Path(path), method) if colon and path and not Path(source).exists() else (Path(source), None)


def _open(name: str, source: Source, *, is_given: bool) -> Iterator[System]:
    method: str | None = None
    data, where = None, name
    if isinstance(source, str | Path):
        path, method = _located(source)
        where = str(path)
        source = Run.open(path) if path.is_dir() or not path.suffix else path
    if isinstance(source, Run):
        data, where = read_json(source.data_path)["sha256"], str(source.path)
        tables = _by_method(source.per_user())
        tables |= {} if method is None or method in tables else _references(source)
    elif isinstance(source, Path):
        frame, data = _read(source)
        tables = _by_method(frame)
    else:
        tables = _by_method(source if isinstance(source, pd.DataFrame) else source.per_user)
    if method is not None:
        if method not in tables:
            raise ConfigError(f"{where}: {unknown('method', method, (key for key in tables if key is not None))}")
        tables = {method: tables[method]}
    for key, table in tables.items():
        alone = key is None or (is_given and len(tables) == 1)
        origin = where if key is None else f"{where}:{key}"
        coded = isinstance(source, Evaluation) and source.coded
        yield _system(name if alone else f"{name}:{key}", origin, table, data, coded)


def _read(path: Path) -> tuple[pd.DataFrame, str | None]:
    """Return the table in a file, and the digest of the data that it tells of, if it does."""
    if path.suffix == ".parquet":
        table = read_table(path)
        digest = (table.schema.metadata or {}).get(_DIGEST)
        return table.to_pandas(), None if digest is None else digest.decode()
    if path.suffix not in (".csv", ".tsv"):
        raise ConfigError(f"{path}: metrics per user are read from a run's folder, or a .csv, .tsv or .parquet file")
    separator = "\t" if path.suffix == ".tsv" else ","
    return read_delimited(path, separator, {"user": pa.string()}).to_pandas(), None


def _by_method(frame: pd.DataFrame) -> dict[str | None, pd.DataFrame]:
    if "method" not in frame:
        return {None: frame}
    return {str(method): table for method, table in frame.groupby("method", sort=False)}


def _references(run: Run) -> dict[str | None, pd.DataFrame]:
    """Return the tables of the models that the run lists for comparison."""
    names = [model["name"] for model in run.recipe().get("references", ())]
    paths = {name: run.trial_path("references", name) / "per_user.parquet" for name in names}
    return {name: read_table(path).to_pandas() for name, path in paths.items() if path.exists()}


def _system(name: str, source: str, frame: pd.DataFrame, data: str | None, coded: bool) -> System:
    """Return the system of a table.

    Raises:
        DataError: there are no users or metrics, a user has two rows of a seed, or none of some seed.
    """
    if "user" not in frame and frame.index.name == "user":
        frame = frame.reset_index()
    if "user" not in frame:
        columns = [str(column) for column in frame.columns]
        raise DataError(f"{source}: no column 'user'{nearest('user', columns)} (found: {', '.join(columns)})")
    numeric = frame.select_dtypes(["number", "bool"]).columns
    metrics = [column for column in numeric if column not in _KEYS]
    if not metrics or frame.empty:
        missing = "rows" if frame.empty else "columns of numbers beside the users"
        raise DataError(f"{source}: no {missing}; expected one row a user, and one column a metric")
    ids = checked_ids(pa.array(frame["user"], from_pandas=True), "user", lambda row: f"{source}, row {row}")
    seed = frame["seed"] if "seed" in frame else pd.Series(0, frame.index)
    frame = frame.assign(user=ids.to_pandas().to_numpy(), seed=seed).sort_values(["seed", "user"])
    repeated = frame.duplicated(["seed", "user"])
    if repeated.any():
        raise DataError(f"{source}: the user {frame.loc[repeated, 'user'].iloc[0]} has two rows; expected one a seed")
    users, seeds = pd.Index(np.unique(frame["user"])), tuple(frame["seed"].unique().tolist())
    if len(frame) != len(users) * len(seeds):
        raise DataError(f"{source}: each user must have a row for each of the {len(seeds)} seeds; some have not")
    values = frame[metrics].to_numpy(np.float64).reshape(len(seeds), len(users), len(metrics))
    return System(name, source, users, seeds, tuple(map(str, metrics)), values, data, coded)
