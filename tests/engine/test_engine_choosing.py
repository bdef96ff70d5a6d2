"""Which executor a person gets, and what is said of an address that is none."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from recval.engine import Dask, Processes, Serial, executor_of, local_executor
from recval.errors import ConfigError, RunError


def test_the_executor_of_this_machine():
    assert local_executor(1) == local_executor(0) == Serial(threads=1)
    assert local_executor(3) == executor_of(3) == Processes(3, threads=1)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert local_executor() == executor_of() == (Serial(threads=1) if cores == 1 else Processes(cores))


def test_the_executor_on_a_cluster(cluster):
    assert executor_of(None, cluster) == Dask(cluster)


@pytest.mark.parametrize("address", ["host:8786", "tcp://host", "http://host:8786", "tcp://:8786", "tcp://a b:1", ""])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ConfigError, match="is not the address of a Dask scheduler, such as tcp://host:8786"):
        executor_of(None, address)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "tcp://nowhere.invalid:8786", "tcp://127.0.0.1:99999"])
def test_a_scheduler_that_does_not_answer_is_an_error_of_one_line(address):
    with pytest.raises(RunError, match=f"no Dask scheduler answers at {address}") as raised:
        executor_of(None, address)
    assert "\n" not in str(raised.value)


def test_workers_and_a_cluster_exclude_each_other():
    with pytest.raises(ConfigError, match="either a number of workers or a cluster"):
        executor_of(2, "tcp://host:8786")
    for settings in ({}, {"address": "tcp://host:8786", "workers": 2}):
        with pytest.raises(ConfigError, match="either the address of a scheduler or a number of workers"):
            Dask(**settings)


@pytest.mark.parametrize("kind", [Processes, Dask])
@pytest.mark.parametrize("workers", [0, -1])
def test_no_workers_are_refused(kind, workers):
    with pytest.raises(ConfigError, match=f"{kind.__name__} takes 1 worker or more, got {workers}$"):
        kind(workers=workers)


def test_dask_is_imported_only_where_it_is_used():
    code = "import sys, recval.engine; print({'dask', 'distributed', 'torch'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"
