"""What holds for every executor: the same values for any number of workers, whatever happens to the workers."""

from __future__ import annotations

import os
import sys
import time

import psutil
import pytest
from distributed import Client, LocalCluster
from tasks import MANY, Counted, Watched, die, die_once, draw, echo, fail, ignore, size_of, stall

from recval import plugin_files
from recval.engine import BeginHere, Dask, Processes, Serial
from recval.errors import ConfigError, DataError, RunError

TASKS = range(12)


@pytest.fixture(params=[1, pytest.param(2, marks=pytest.mark.slow), "dask"])
def executor(request):
    """One process or two, or a running cluster of two."""
    return Dask(request.getfixturevalue("cluster")) if request.param == "dask" else Processes(request.param)


@pytest.fixture(scope="module")
def reference():
    return dict(Serial(threads=1).map(draw, TASKS, None, ignore))


@pytest.fixture
def left_behind():
    """Returns the processes that were started in the test and still run; Python keeps one to track resources."""
    before = set(psutil.Process().children(recursive=True))

    def processes():
        new = set(psutil.Process().children(recursive=True)) - before
        return [process for process in new if "resource_tracker" not in " ".join(process.cmdline())]

    return processes


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 4])
def test_processes_give_the_values_of_one_process(workers, reference):
    assert dict(Processes(workers).map(draw, TASKS, None, ignore)) == reference


def test_a_cluster_gives_the_values_of_one_process(cluster, reference):
    assert dict(Dask(cluster).map(draw, TASKS, None, ignore)) == reference


@pytest.mark.slow
def test_a_cluster_of_its_own_gives_them_too_and_leaves_nothing(reference, left_behind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    reports = []
    assert dict(Dask(workers=2).map(draw, TASKS, None, lambda *report: reports.append(report))) == reference
    assert sorted(reports) == [(position, fraction) for position in TASKS for fraction in (0.5, 1.0)]
    assert left_behind() == []
    assert list(tmp_path.iterdir()) == []


def test_reports_arrive_before_the_result(cluster):
    events = []
    for position, _ in Dask(cluster).map(draw, TASKS, None, lambda *report: events.append(report)):
        events.append((position, "result"))
    for position in TASKS:
        assert [what for place, what in events if place == position] == [0.5, 1.0, "result"]


def test_workers_that_are_killed_change_no_value(executor, reference, tmp_path):
    assert dict(executor.map(die_once, TASKS, str(tmp_path), ignore)) == reference
    assert {file.name for file in tmp_path.iterdir()} == {"3"}


@pytest.mark.parametrize(
    ("executor", "times"), [(Processes(1, retries=1), 2), pytest.param(None, 3, marks=pytest.mark.slow)]
)
def test_a_task_that_always_kills_its_worker_is_an_error_of_one_line(executor, times, cluster):
    with pytest.raises(RunError) as raised:
        list((executor or Dask(cluster)).map(die, TASKS, None, ignore))
    assert str(raised.value).startswith(f"a worker process was lost {times} times with the same task under way")
    assert "\n" not in str(raised.value)


def test_an_error_of_the_function_is_raised_as_itself_and_not_tried_again(executor, tmp_path):
    error = DataError("ratings.csv, line 7: found 'é'")
    with pytest.raises(DataError) as raised:
        list(executor.map(fail, TASKS, {"folder": tmp_path, "error": error}, ignore))
    assert type(raised.value) is DataError
    assert str(raised.value) == str(error)
    assert (tmp_path / "raised").read_text() == "x"


@pytest.mark.parametrize("executor", [Processes(2), Dask(workers=2)])
def test_a_caller_that_has_enough_does_not_wait_for_what_runs(executor, left_behind):
    """All tasks but the first never end."""
    tasks = Watched()
    results = executor.map(stall, tasks, None, ignore)
    assert next(results) == (0, 0)
    results.close()
    assert 2 <= tasks.asked < 500
    assert left_behind() == []


def test_what_a_caller_did_not_wait_for_is_cancelled_in_a_cluster(cluster):
    tasks = Watched()
    results = Dask(cluster).map(echo, tasks, None, ignore)
    assert len({next(results)[0] for _ in range(3)}) == 3
    results.close()
    assert 3 <= tasks.asked < 500
    with Client(cluster, set_as_default=False) as client:
        until = time.monotonic() + 30  # The scheduler forgets what was cancelled when it comes to it.
        while client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)) and time.monotonic() < until:
            time.sleep(0.05)
        assert client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.tasks)) == []
        plugins = client.run(lambda dask_worker: [name for name in dask_worker.plugins if name.startswith("recval")])
    assert list(plugins.values()) == [[], []]


@pytest.mark.parametrize("executor", [Serial(), Processes(2), Dask(workers=2), Dask("tcp://host:1")])
def test_no_tasks_have_no_results_and_start_nothing(executor, left_behind):
    assert list(executor.map(draw, [], None, ignore)) == []
    assert left_behind() == []


def test_what_is_shared_arrives_once_in_each_worker(executor, tmp_path):
    file = tmp_path / "arrivals"
    results = list(executor.map(size_of, range(40), Counted(file, MANY), ignore))
    arrivals = [int(line) for line in file.read_text().split()]
    assert {total for _, (total, _) in results} == {MANY.sum()}
    assert len(set(arrivals)) == len(arrivals) <= 2
    assert {process for _, (_, process) in results} <= set(arrivals)
    assert os.getpid() not in arrivals


def test_tasks_arrive_as_they_are(cluster):
    """Dask would call a function in a tuple, and look for its futures in lists."""
    tasks = [(len, [1, 2]), {"a": (str, 1)}, [[1], (2,)], "draw", None, float("inf")]
    assert dict(Dask(cluster).map(echo, tasks, None, ignore)) == dict(enumerate(tasks))


@pytest.mark.parametrize("executor", [Processes(1), None])
def test_what_is_shared_may_be_of_a_class_of_a_plugin_file(executor, cluster, tmp_path, monkeypatch):
    file = tmp_path / "mine.py"
    file.write_text("class Sum:\n    def __init__(self, array):\n        self.array = array\n")
    monkeypatch.setattr(plugin_files, "_loaded", dict(plugin_files._loaded))
    plugin_files.load_plugins([file])
    (module,) = (module for module in sys.modules.values() if getattr(module, "__file__", None) == str(file))
    executor = executor or Dask(cluster)
    results = dict(executor.map(size_of, range(4), module.Sum(MANY), ignore))
    assert {total for total, _ in results.values()} == {MANY.sum()}


def test_a_cluster_whose_workers_have_several_threads_is_refused():
    settings = {"n_workers": 1, "threads_per_worker": 2, "processes": False, "dashboard_address": "127.0.0.1:0"}
    with (
        LocalCluster(**settings, protocol="tcp", silence_logs=50) as cluster,
        pytest.raises(ConfigError, match="has 2 threads, and recval needs workers of one"),
    ):
        list(Dask(cluster.scheduler_address).map(draw, TASKS, None, ignore))


@pytest.mark.slow
def test_a_scheduler_that_is_lost_is_an_error_of_one_line():
    started = time.monotonic()
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50) as cluster:
        results = Dask(cluster.scheduler_address).map(stall, range(5), None, ignore)
        next(results)
        cluster.close()
        with pytest.raises(RunError, match="the Dask scheduler was lost; run again to continue"):
            next(results)
    assert time.monotonic() - started < 60


@pytest.mark.parametrize("seconds", [0.0, 0.05, 60.0])
def test_what_begins_here_and_ends_elsewhere_gives_the_same(seconds, reference):
    reports = []
    executor = BeginHere(Serial(threads=1), seconds)
    found = dict(executor.map(draw, TASKS, None, lambda *report: reports.append(report)))
    assert found == reference
    assert sorted(reports) == [(position, fraction) for position in TASKS for fraction in (0.5, 1.0)]


def test_short_work_starts_no_workers(left_behind):
    assert len(dict(BeginHere(Processes(2), 60).map(echo, range(50), "x", ignore))) == 50
    assert left_behind() == []
    assert dict(BeginHere(Processes(2), 0).map(echo, range(0), "x", ignore)) == {}


def test_an_early_end_after_the_hand_over_ends_the_workers(left_behind):
    results = BeginHere(Processes(1), 0).map(echo, range(10**6), "x", ignore)
    next(results)
    results.close()
    assert left_behind() == []
