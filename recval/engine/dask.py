"""Tasks on a Dask cluster: for many machines, and tasks of a tenth of a second or more.

The work (the function and what its tasks share) is a plug-in of the workers, so that it goes to each worker once, and
to those that join later or take the place of a lost one. Tasks of lost workers are run again by the scheduler, as often
as its setting `distributed.scheduler.allowed-failures` says (3). See docs/engine.md for how to start a cluster.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from recval.engine.executor import Function, OnProgress
from recval.engine.losses import lost_too_often, not_started
from recval.engine.window import Window
from recval.errors import ConfigError, RunError

if TYPE_CHECKING:
    from distributed import Client, Future, LocalCluster

_SECONDS_TO_CONNECT = 5
_SECONDS_TO_END = 30
_TASKS_A_WORKER = 4
_FEWEST_TASKS = 64
"""The least number of tasks under way, for a cluster that grows."""


@dataclass(frozen=True)
class Dask:
    """Runs the tasks on a Dask cluster.

    Attributes:
        address: of the scheduler of a running cluster, such as `tcp://host:8786`; its workers have one thread each.
        workers: instead of an address: processes of this machine, in a cluster that lives as long as the tasks run.
    """

    address: str | None = None
    workers: int | None = None

    def __post_init__(self) -> None:
        if (self.address is None) == (self.workers is None):
            raise ConfigError("Dask takes either the address of a scheduler or a number of workers")
        if self.workers is not None and self.workers < 1:
            raise ConfigError(f"Dask takes 1 worker or more, got {self.workers}")
        if self.address is not None and not re.fullmatch(r"(tcp|tls)://[^\s/]+:\d+", self.address):
            raise ConfigError(f"{self.address!r} is not the address of a Dask scheduler, such as tcp://host:8786")

    def check(self) -> None:
        """Check that the scheduler answers.

        Raises:
            RunError: it does not.
        """
        if self.address is not None:
            _connect(self.address).close()

    def map(
        self, function: Function, tasks: Sequence[Any], shared: Any, on_progress: OnProgress
    ) -> Iterator[tuple[int, Any]]:
        """Yield (position, result) of each task in the order of completion.

        Raises:
            RunError: the scheduler does not answer, or workers were lost with a task too often.
            ConfigError: a worker has several threads.
        """
        if len(tasks):
            with self._client() as client:
                yield from _results(client, function, tasks, shared, on_progress)

    @contextmanager
    def _client(self) -> Iterator[Client]:
        from distributed import Client

        if self.address is not None:
            with _connect(self.address) as client:
                yield client
        else:
            assert self.workers is not None
            with _local_cluster(self.workers) as cluster, Client(cluster, set_as_default=False) as client:
                yield client


def _connect(address: str) -> Client:
    from distributed import Client

    try:
        # Asked of the socket first: it says why it cannot connect, and at once.
        host, _, port = address.partition("://")[2].rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), timeout=_SECONDS_TO_CONNECT).close()
        return Client(address, timeout=_SECONDS_TO_CONNECT, set_as_default=False)
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise RunError(
            f"no Dask scheduler answers at {address}; is `dask scheduler` running there? ({reason})"
        ) from None


@contextmanager
def _local_cluster(workers: int) -> Iterator[LocalCluster]:
    """Start processes of one thread, whose memory is not limited, which write nothing and which are not shown."""
    from distributed import LocalCluster

    with TemporaryDirectory() as folder:
        try:
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                local_directory=folder,
                memory_limit=0,
                silence_logs=logging.CRITICAL,
            )
        except RuntimeError:
            raise not_started() from None
        with cluster:
            try:
                yield cluster
            finally:
                cluster.sync(_end_workers, cluster)


async def _end_workers(cluster: LocalCluster) -> None:
    """End the processes, whatever they are doing; asked alone, they would finish their tasks first."""
    nannies = list(cluster.workers.values())
    processes = [nanny.pid for nanny in nannies if nanny.pid]
    closing = [asyncio.create_task(nanny.close(timeout=_SECONDS_TO_END)) for nanny in nannies]
    await asyncio.sleep(0)  # From here on no process is started in the place of one that ended.
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM)
    await asyncio.gather(*closing)


def _results(
    client: Client, function: Function, tasks: Sequence[Any], shared: Any, on_progress: OnProgress
) -> Iterator[tuple[int, Any]]:
    from recval.engine.dask_worker import run_task

    reports: SimpleQueue[tuple[int, float]] = SimpleQueue()
    with _work(client, function, shared, reports) as name:
        size = max(_FEWEST_TASKS, _TASKS_A_WORKER * len(client.nthreads()))
        window: Window[Future] = Window(
            size,
            # As a partial function the task is opaque; as an argument it would be searched for Dask's own objects.
            lambda position: client.submit(partial(run_task, name, position, tasks[position]), pure=False),
            reports,
            on_progress,
        )
        positions = iter(range(len(tasks)))
        try:
            window.fill(positions)
            while window.begun:
                if not (ended := window.take_ended()):
                    continue
                results = _gathered(client, [future for _, future in ended])
                window.fill(positions)
                yield from zip((position for position, _ in ended), results, strict=True)
        finally:
            with suppress(OSError, CancelledError):
                client.cancel(list(window.begun.values()))


@contextmanager
def _work(client: Client, function: Function, shared: Any, reports: SimpleQueue[tuple[int, float]]) -> Iterator[str]:
    """Send the workers what every task needs, and listen to their reports; give its name among their plug-ins."""
    from recval.engine.dask_worker import Work

    name = f"recval-{uuid4().hex}"
    client.subscribe_topic(name, lambda event: reports.put(tuple(event[1])))
    try:
        client.register_plugin(Work(function, shared), name=name)
        yield name
    finally:
        # The scheduler may be lost, or a worker may be starting that does not have it yet.
        with suppress(OSError, ValueError, KeyError):
            client.unregister_worker_plugin(name)


def _gathered(client: Client, futures: list[Future]) -> list[Any]:
    from distributed import KilledWorker

    try:
        return client.gather(futures)
    except KilledWorker as error:
        raise lost_too_often(error.allowed_failures + 1) from None
    except CancelledError:
        raise RunError("the Dask scheduler was lost; run again to continue") from None
