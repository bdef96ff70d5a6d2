"""Where work runs: in this process, or in several on this machine.

`executor.map(function, tasks, shared)` calls `function(shared, task, report)` for each task. `shared` goes to a
worker once. A task must derive its randomness from itself (`recval.rng`), so that the results are the same for
any executor and any number of workers. `report(fraction)` tells how far the task is, in [0, 1].
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any, Protocol

from recval.errors import RunError
from recval.plugin_files import load_plugins, loaded_plugins

Report = Callable[[float], None]
Function = Callable[[Any, Any, Report], Any]
OnProgress = Callable[[int, float], None]
"""Called with the position of a task and how far it is."""


class Executor(Protocol):
    """Runs tasks, and yields each one's position and result as it completes."""

    def map(
        self, function: Function, tasks: Sequence[Any], shared: Any, on_progress: OnProgress
    ) -> Iterator[tuple[int, Any]]:
        """Yield (position, result) of each task in the order of completion."""


@dataclass(frozen=True)
class Serial:
    """Runs the tasks one after the other in this process.

    Attributes:
        threads: threads to compute with; None leaves torch's setting alone.
    """

    threads: int | None = None

    def map(
        self, function: Function, tasks: Sequence[Any], shared: Any, on_progress: OnProgress
    ) -> Iterator[tuple[int, Any]]:
        """Yield (position, result) of each task, in order."""
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(self.threads or before)
        try:
            for position, task in enumerate(tasks):
                yield position, function(shared, task, partial(on_progress, position))
        finally:
            torch.set_num_threads(before)


@dataclass(frozen=True)
class Processes:
    """Runs the tasks in processes of this machine.

    Attributes:
        workers: how many processes; each computes with `threads` threads.
        threads: threads of each process.
    """

    workers: int
    threads: int = 1

    def map(
        self, function: Function, tasks: Sequence[Any], shared: Any, on_progress: OnProgress
    ) -> Iterator[tuple[int, Any]]:
        """Yield (position, result) of each task in the order of completion.

        Raises:
            RunError: a worker was lost, for want of memory for example.
        """
        context = multiprocessing.get_context("spawn")
        progress: SimpleQueue[tuple[int, float]] = context.SimpleQueue()
        pool = ProcessPoolExecutor(
            min(self.workers, max(len(tasks), 1)),
            mp_context=context,
            initializer=_prepare_worker,
            initargs=(function, shared, progress, self.threads, list(loaded_plugins())),
        )
        futures: dict[Future[Any], int] = {}
        try:
            for position, task in enumerate(tasks):
                futures[pool.submit(_run_task, position, task)] = position
            yield from _completed(futures, progress, on_progress)
        except BrokenProcessPool:
            raise RunError(
                "a worker process was lost: for want of memory (run again to continue, with fewer workers), or "
                "because a script starts workers outside of `if __name__ == '__main__':`"
            ) from None
        except KeyboardInterrupt:
            for worker in list(pool._processes.values()):
                worker.terminate()
            raise
        finally:
            _abandon(futures, progress)
            pool.shutdown()


def local_executor(workers: int | None = None) -> Executor:
    """Return an executor with the given number of workers, by default one for each core of this machine.

    Each task computes with one thread, so that the results do not depend on the number of workers.
    """
    if workers is None:
        workers = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return Serial(threads=1) if workers <= 1 else Processes(workers)


def _completed(
    futures: dict[Future[Any], int], progress: SimpleQueue[tuple[int, float]], on_progress: OnProgress
) -> Iterator[tuple[int, Any]]:
    pending = set(futures)
    while pending:
        done, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
        while not progress.empty():
            on_progress(*progress.get())
        for future in done:
            yield futures[future], future.result()


def _abandon(futures: Iterable[Future[Any]], progress: SimpleQueue[tuple[int, float]]) -> None:
    """Cancel what has not begun, and await the rest; the reports are read, for a full queue would block the tasks."""
    begun = [future for future in futures if not future.cancel()]
    while wait(begun, timeout=0.2).not_done:
        while not progress.empty():
            progress.get()


_worker: dict[str, Any] = {}


def _prepare_worker(
    function: Function, shared: Any, progress: SimpleQueue[tuple[int, float]], threads: int, plugins: list[Path]
) -> None:
    import torch

    load_plugins(plugins)
    # An interrupt reaches every process of a terminal; this one is ended by the process that started it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)
    _worker.update(function=function, shared=shared, progress=progress)


def _run_task(position: int, task: Any) -> Any:
    progress = _worker["progress"]
    return _worker["function"](_worker["shared"], task, lambda fraction: progress.put((position, fraction)))
