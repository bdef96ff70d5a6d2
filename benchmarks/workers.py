"""What does it cost to send a task to a worker, and is what the tasks share sent once?

Sends many tasks that do nothing to two workers, by `Processes`, by `Dask` and by `concurrent.futures` and joblib as
they are commonly used, in turns. Starting the workers is not counted: the time is from the first result to the last.
Then counts how often a shared table arrives in the workers, where each can share it: `Processes` and `Dask` by
themselves, the others as an argument of the task, which is what their simplest call does.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from harness import Comparison, main

from recval.engine import Dask, Executor, Processes

WORKERS = 2


class Table:
    """A few MB that note each arrival in a process."""

    def __init__(self, file: Path, array: np.ndarray) -> None:
        self.file, self.array = file, array

    def __reduce__(self) -> tuple[Callable[..., Table], tuple[Path, np.ndarray]]:
        return _arrive, (self.file, self.array)


def _arrive(file: Path, array: np.ndarray) -> Table:
    with file.open("a") as arrivals:
        arrivals.write(f"{os.getpid()}\n")
    return Table(file, array)


def do_nothing(shared: object, task: int, report: Callable[[float], None]) -> int:
    """Return the task."""
    return task


def return_task(shared: object, task: int) -> int:
    """Return the task."""
    return task


def by_engine(executor: Executor, shared: object, n: int) -> Iterator[Any]:
    """Yield results of an executor of ours."""
    return executor.map(do_nothing, range(n), shared, lambda position, fraction: None)


def by_pool(shared: object, n: int) -> Iterator[Any]:
    """Yield results of concurrent.futures."""
    with ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(partial(return_task, shared), range(n))


def by_joblib(shared: object, n: int) -> Iterator[Any]:
    """Yield results of joblib, without its batches, which would count several tasks as one."""
    from joblib import Parallel, delayed  # type: ignore[import-untyped]

    parallel = Parallel(WORKERS, batch_size=1, return_as="generator")
    yield from parallel(delayed(return_task)(shared, task) for task in range(n))


def microseconds(results: Iterable[Any]) -> float:
    """Return the time of a task, from the first result to the last."""
    times = [time.perf_counter() for _ in results]
    return (times[-1] - times[0]) / (len(times) - 1) * 1e6


SIDES: dict[str, Callable[[object, int], Iterator[Any]]] = {
    "Processes": partial(by_engine, Processes(WORKERS)),
    "Dask": partial(by_engine, Dask(workers=WORKERS)),
    "concurrent.futures": by_pool,
    "joblib": by_joblib,
}


def arrivals(side: Callable[[object, int], Iterator[Any]], n: int) -> dict[str, int]:
    """Return how often a table of 4 MB arrived, in how many processes."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "arrivals"
        file.touch()
        for _ in side(Table(file, np.ones(500_000)), n):
            pass
        processes = [line for line in file.read_text().split() if line != str(os.getpid())]
    return {"tasks": n, "arrivals": len(processes), "processes": len(set(processes))}


def measure(quick: bool) -> Comparison:
    """Return the microseconds of a task on both sides."""
    n, rounds = (500, 3) if quick else (3_000, 5)
    found: dict[str, list[float]] = {name: [] for name in SIDES}
    for _ in range(rounds):
        for name, side in SIDES.items():
            found[name].append(microseconds(side(None, n)))
            print(f"{name}: {found[name][-1]:,.0f} µs a task")
    return Comparison(
        question="What does it cost to send a task to one of several processes?",
        ours=found["Processes"],
        peer=found["concurrent.futures"],
        peer_name="concurrent.futures.ProcessPoolExecutor.map",
        goal=0.5,
        unit="µs of wall time a task",
        size=f"{n} tasks that do nothing, {WORKERS} processes",
        details={
            "microseconds_a_task": {name: float(np.median(values)) for name, values in found.items()},
            "a_shared_table_of_4_MB": {name: arrivals(side, 20) for name, side in SIDES.items()},
        },
    )


if __name__ == "__main__":
    main(measure)
