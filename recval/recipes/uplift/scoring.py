"""Predictions for files of customers, chunk by chunk, so that a file of any length takes the memory of one chunk.

Columns that the model does not use, such as ids, are carried over; those of a text file as they are written there, so
that "007" stays "007". Several files are scored wherever tasks run, one task a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from recval.engine import Executor, Serial
from recval.engine.executor import Report
from recval.errors import ConfigError, DataError
from recval.recipes.stages import Stage, silent
from recval.recipes.uplift.predicting import BEST, open_model, predictions, refused_names, uplift_table
from recval.uplift.features.differences import Differences
from recval.uplift.model import UpliftModel
from recval.uplift.tables import ROWS, Kinds, count_rows, read_chunks, writing


@dataclass(frozen=True)
class Scored:
    """A file that was scored.

    Attributes:
        source: what was scored.
        path: where the predictions are.
        rows: how many customers.
        mean: the mean uplift of each treatment.
        best: how many customers each arm is the best for.
        differences: a line for each difference to what the model was trained on.
    """

    source: Path
    path: Path
    rows: int
    mean: dict[str, float]
    best: dict[str, int]
    differences: tuple[str, ...]


@dataclass(frozen=True)
class _Scoring:
    model: Path
    rows: int
    keep: tuple[str, ...] | None


def score(
    model: str | Path,
    files: Sequence[str | Path],
    out: str | Path,
    *,
    keep: Sequence[str] | None = None,
    rows: int = ROWS,
    executor: Executor | None = None,
    stage: Stage | None = None,
) -> list[Scored]:
    """Predict for every customer in files.

    Args:
        model: the folder of a run or of a model.
        files: CSV or Parquet files with the model's features.
        out: the file to write, with an ending that says its format; of several files a folder, in which each has a
            Parquet file of its name.
        keep: columns to carry over; by default all that the model does not use.
        rows: the rows of a chunk; it changes predictions by rounding at most.
        executor: where the files are scored; by default one after the other in this process.
        stage: what to tell of the progress.

    Raises:
        ConfigError: an ending says no format, or two files would be written to one.
        DataError: a file is missing or damaged, or does not fit the model.
        RunError: there is no model, or a file cannot be written.
    """
    tasks = _tasks(list(map(Path, files)), Path(out))
    shared = _Scoring(Path(model), rows, None if keep is None else tuple(keep))
    found: dict[int, Scored] = {}
    with (stage or silent)("scoring", len(tasks)) as on_progress:
        for position, scored in (executor or Serial()).map(_score_file, tasks, shared, on_progress):
            found[position] = scored
            on_progress(position, 1.0)
    return [found[position] for position in range(len(tasks))]


def check_file(model: str | Path, file: str | Path) -> tuple[str | None, list[str]]:
    """Return why a file cannot be scored, as far as its first rows tell, and a line for each difference in them.

    Raises:
        ConfigError: the file's ending says no format.
        DataError: it is missing or damaged.
        RunError: there is no model.
    """
    fitted, file = open_model(model), Path(file)
    first = next(iter(read_chunks(file, _kinds(fitted, file))))
    lines: list[str] = []
    try:
        lines = fitted.fitted_.encoder.differences(first)
        predictions(fitted, first.head(1))
    except DataError as error:
        return f"{file}: {error}", lines
    return None, lines


def _tasks(files: list[Path], out: Path) -> list[tuple[Path, Path]]:
    """Return each file with where its predictions go."""
    if len(files) == 1:
        tasks = [(files[0], out)]
    else:
        tasks = [(file, out / f"{file.name.split('.')[0]}.parquet") for file in files]
    taken: dict[Path, Path] = {}
    for file, destination in tasks:
        if file.resolve() == destination.resolve():
            raise ConfigError(f"{file} would be replaced by its predictions; name another --out")
        other = taken.setdefault(destination, file)
        if other is not file:
            raise ConfigError(
                f"the predictions of {other} and {file} would both be {destination}; score them one by one"
            )
    return tasks


def _score_file(shared: _Scoring, task: tuple[Path, Path], report: Report) -> Scored:
    source, destination = task
    model = open_model(shared.model)
    differences = Differences(model.fitted_.encoder)
    total, done = max(count_rows(source), 1), 0
    sums, best = np.zeros(len(model.arms_) - 1), np.zeros(len(model.arms_), np.int64)
    with writing(destination) as write:
        for chunk in read_chunks(source, _kinds(model, source), shared.rows):
            kept = _kept(chunk, model, shared.keep, source)
            try:
                differences.add(chunk)
                predicted = predictions(model, chunk)
            except DataError as error:
                raise DataError(f"{source}: {error}") from None
            write(pd.concat([kept, predicted], axis=1))
            done += len(chunk)
            sums += uplift_table(predicted).sum(axis=0)
            best += predicted[BEST].value_counts(sort=False).to_numpy()
            report(min(done / total, 1.0))
        if not done:
            raise DataError(f"{source}: there is no customer in it")
    mean = dict(zip(model.arms_[1:], (sums / done).tolist(), strict=True))
    by_arm = dict(zip(model.arms_, best.tolist(), strict=True))
    return Scored(source, destination, done, mean, by_arm, tuple(differences.lines()))


def _kinds(model: UpliftModel, source: Path) -> Kinds:
    """Return what a file's columns hold: the model's as in training, the others as they are written."""
    first = next(iter(read_chunks(source, rows=1)))
    as_written: dict[str, Literal["number", "category"]] = dict.fromkeys(map(str, first.columns), "category")
    return as_written | model.fitted_.encoder.kinds


def _kept(chunk: pd.DataFrame, model: UpliftModel, keep: tuple[str, ...] | None, source: Path) -> pd.DataFrame:
    """Return the columns that are carried over."""
    features = model.fitted_.encoder.kinds
    names = [name for name in chunk.columns if name not in features] if keep is None else list(keep)
    absent = [name for name in names if name not in chunk.columns]
    if absent:
        raise DataError(f"{source}: there is no column {absent[0]!r} to keep (found: {', '.join(chunk.columns)})")
    refused = refused_names(names, model)
    if refused:
        raise DataError(f"{source}: the column {refused[0]!r} has a name of predictions; rename it, or leave it out")
    return chunk[names]
