"""Tasks in processes of this machine: for a machine of several cores, and tasks of a hundredth of a second or more."""

from __future__ import annotations

import multiprocessing
import signal
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import chain
from multiprocessing.queues import SimpleQueue
from typing import Any

from recval.engine.executor import Function, OnProgress
from recval.engine.losses import lost_too_often, not_started
from recval.engine.plugins import LoadedPlugins
from recval.engine.window import Window
from recval.errors import ConfigError

_TASKS_A_WORKER = 4


@dataclass(frozen=True)
class Processes:
    """Runs the tasks in processes of this machine.

    When a process is lost, the tasks that were under way run again in new processes.

    Attributes:
        workers: how many processes; each computes with `threads` threads.
        threads: threads of each process.
        retries: how often a task that was under way when a process was lost runs again.
    """

    workers: int
    threads: int = 1
    retries: int = 2

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ConfigError(f"Processes takes 1 worker or more, got {self.workers}")

    def map(
        self, function: Function, tasks: Sequence[Any], shared: Any, on_progress: OnProgress
    ) -> Iterator[tuple[int, Any]]:
        """Yield (position, result) of each task in the order of completion.

        Raises:
            RunError: a worker was lost, for want of memory for example, too often.
        """
        positions = iter(range(len(tasks)))
        lost: list[int] = []
        times_lost: Counter[int] = Counter()
        while len(tasks):
            pool = _Pool(min(self.workers, len(tasks)), self.threads, function, shared)
            lost = yield from pool.map(tasks, chain(lost, positions), on_progress)
            if not lost:
                return
            times_lost.update(lost)
            if max(times_lost.values()) > self.retries:
                raise lost_too_often(self.retries + 1)


class _Pool:
    """Processes that live until the tasks are done or one process is lost."""

    def __init__(self, workers: int, threads: int, function: Function, shared: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._size = _TASKS_A_WORKER * workers
        self._prepared: SimpleQueue[None] = context.SimpleQueue()
        self._reports: SimpleQueue[tuple[int, float]] = context.SimpleQueue()
        self._pool = ProcessPoolExecutor(
            workers,
            mp_context=context,
            initializer=_prepare_worker,
            initargs=(LoadedPlugins(), function, shared, threads, self._reports, self._prepared),
        )

    def map(
        self, tasks: Sequence[Any], positions: Iterator[int], on_progress: OnProgress
    ) -> Generator[tuple[int, Any], None, list[int]]:
        """Yield (position, result) of each task until a process is lost; return the positions lost with it."""
        window = Window(
            self._size, lambda position: self._submit(position, tasks[position]), self._reports, on_progress
        )
        lost: list[int] = []
        try:
            window.fill(positions)
            while window.begun:
                ended = window.take_ended()
                lost += [position for position, future in ended if _is_lost(future)]
                if not lost:
                    window.fill(positions)
                for position, future in ended:
                    if not _is_lost(future):
                        yield position, future.result()
            if lost and self._prepared.empty():
                raise not_started()
            return lost
        finally:
            self._end(abruptly=bool(window.begun))

    def _submit(self, position: int, task: Any) -> Future[Any]:
        """Begin a task; where a process was lost a moment ago, it is lost too."""
        try:
            return self._pool.submit(_run_task, position, task)
        except BrokenProcessPool as error:
            future: Future[Any] = Future()
            future.set_exception(error)
            return future

    def _end(self, *, abruptly: bool) -> None:
        if abruptly:
            for worker in list(self._pool._processes.values()):
                worker.terminate()
        self._pool.shutdown(cancel_futures=True)


def _is_lost(future: Future[Any]) -> bool:
    return isinstance(future.exception(), BrokenProcessPool)


_worker: dict[str, Any] = {}


def _prepare_worker(
    _: object,
    function: Function,
    shared: Any,
    threads: int,
    reports: SimpleQueue[tuple[int, float]],
    prepared: SimpleQueue[None],
) -> None:
    import torch

    # An interrupt reaches every process of a terminal; this one is ended by the process that started it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)
    _worker.update(function=function, shared=shared, reports=reports)
    prepared.put(None)


def _run_task(position: int, task: Any) -> Any:
    reports = _worker["reports"]
    return _worker["function"](_worker["shared"], task, lambda fraction: reports.put((position, fraction)))
