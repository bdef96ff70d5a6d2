from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def cluster():
    """The address of a Dask cluster of two processes, which stays for all tests."""
    from distributed import LocalCluster

    settings = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0", "silence_logs": 50}
    with LocalCluster(**settings, scheduler_kwargs={"dashboard": False, "allowed_failures": 2}) as cluster:
        yield cluster.scheduler_address
