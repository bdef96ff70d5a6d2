"""What a Dask worker runs."""

from __future__ import annotations

from typing import Any

import torch
from distributed import Worker, WorkerPlugin, get_worker

from recval.engine.executor import Function
from recval.engine.plugins import LoadedPlugins
from recval.errors import ConfigError


class Work(WorkerPlugin):
    """The function and what its tasks share; it goes to each worker once, to those that join later too."""

    def __init__(self, function: Function, shared: Any) -> None:
        # The first attribute arrives first, and with it the classes that the others may be of.
        self._plugins = LoadedPlugins()
        self._function, self._shared = function, shared

    def setup(self, worker: Worker) -> None:
        """Refuse a worker that would run several tasks in one process.

        Raises:
            ConfigError: the worker has several threads.
        """
        if worker.state.nthreads != 1:
            raise ConfigError(
                f"the worker {worker.address} has {worker.state.nthreads} threads, and recval needs workers of one; "
                "start it by `dask worker --nthreads 1 --nworkers N`"
            )

    def run(self, worker: Worker, topic: str, position: int, task: Any) -> Any:
        """Return the result of a task; its reports are events of a topic."""
        self.setup(worker)
        torch.set_num_threads(1)
        return self._function(self._shared, task, lambda fraction: worker.log_event(topic, (position, float(fraction))))


def run_task(name: str, position: int, task: Any) -> Any:
    """Return the result of a task of the work with a name."""
    worker = get_worker()
    work = worker.plugins[name]
    assert isinstance(work, Work)
    return work.run(worker, name, position, task)
