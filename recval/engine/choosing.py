"""Which executor: by what a person asks for."""

from __future__ import annotations

import os
import sys

from recval.engine.dask import Dask
from recval.engine.executor import Executor
from recval.engine.processes import Processes
from recval.engine.serial import Serial
from recval.errors import ConfigError


def local_executor(workers: int | None = None) -> Executor:
    """Return an executor with the given number of workers, by default one for each core of this machine.

    Each task computes with one thread, so that the results do not depend on the number of workers.
    """
    if workers is None:
        workers = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return Serial(threads=1) if workers <= 1 else Processes(workers)


def executor_of(workers: int | None = None, cluster: str | None = None) -> Executor:
    """Return the executor on a cluster, or the one of this machine.

    Args:
        workers: how many processes of this machine; by default one for each core.
        cluster: the address of a Dask scheduler, such as `tcp://host:8786`.

    Raises:
        ConfigError: both are given, or the address is not one.
        RunError: no scheduler answers at the address.
    """
    if cluster is None:
        return local_executor(workers)
    if workers is not None:
        raise ConfigError("name either a number of workers or a cluster, which has workers of its own")
    executor = Dask(cluster)
    executor.check()
    return executor
