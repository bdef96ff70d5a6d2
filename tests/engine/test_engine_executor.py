from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch

from recval.engine import Processes, Serial
from recval.errors import ConfigError, DataError, ModelError, RecvalError, RunError
from recval.rng import numpy_generator

SHARED = {"table": np.arange(5.0), "seed": 7}


def ignore(position, fraction):
    pass


def draw(shared, task, report):
    """A task that draws from its own stream, and says in which process and with how many threads it ran."""
    report(0.5)
    numbers = numpy_generator(shared["seed"], "task", task).normal(size=4)
    report(1.0)
    return float(numbers @ shared["table"][:4]), os.getpid(), torch.get_num_threads()


def fail(shared, task, report):
    if task == shared["bad"]:
        raise shared["error"]
    return task


def report_much(shared, task, report):
    """Reports more than a pipe holds, and fails at once where the task is to fail."""
    if task == "fail":
        raise ModelError("diverged")
    for step in range(20_000):
        report(step / 20_000)
    return task


def answers(executor, tasks, on_progress=ignore):
    return {tasks[position]: result for position, result in executor.map(draw, tasks, SHARED, on_progress)}


@pytest.fixture(scope="module")
def reference():
    return answers(Serial(), list(range(6)))


def test_the_answers_do_not_depend_on_the_workers_or_on_the_order_of_tasks(reference):
    assert len({number for number, *_ in reference.values()}) == 6
    assert {process for _, process, _ in reference.values()} == {os.getpid()}
    reports = []
    backwards = answers(Processes(2), list(reversed(range(6))), lambda *report: reports.append(report))
    assert {task: number for task, (number, *_) in backwards.items()} == {
        task: number for task, (number, *_) in reference.items()
    }
    assert 1 <= len({process for _, process, _ in backwards.values()} - {os.getpid()}) <= 2
    assert {threads for *_, threads in backwards.values()} == {1}
    assert sorted(reports) == [(position, fraction) for position in range(6) for fraction in (0.5, 1.0)]
    for position in range(6):
        assert [fraction for place, fraction in reports if place == position] == [0.5, 1.0]


def test_in_one_process_the_results_come_in_order_while_the_tasks_run():
    events = []
    for position, (number, *_) in Serial().map(draw, [4, 2], SHARED, lambda *report: events.append(report)):
        events.append((position, number))
    first, second = (numpy_generator(7, "task", task).normal(size=4) @ np.arange(4.0) for task in (4, 2))
    assert events == [(0, 0.5), (0, 1.0), (0, first), (1, 0.5), (1, 1.0), (1, second)]


def test_threads_are_those_asked_for_and_restored_even_after_an_early_end():
    before = torch.get_num_threads()
    assert [threads for _, (*_, threads) in Serial(threads=3).map(draw, [1], SHARED, ignore)] == [3]
    assert torch.get_num_threads() == before
    assert [threads for _, (*_, threads) in Serial().map(draw, [1], SHARED, ignore)] == [before]
    with pytest.raises(DataError):
        list(Serial(threads=3).map(fail, [1], {"bad": 1, "error": DataError("x")}, ignore))
    assert torch.get_num_threads() == before
    results = Serial(threads=3).map(draw, [1, 2], SHARED, ignore)
    next(results)
    results.close()
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("kind", [RecvalError, ConfigError, DataError, ModelError, RunError, ValueError])
def test_an_error_in_a_task_is_raised_as_itself(kind):
    error = kind("ratings.csv, line 7: the rating must be a number, found 'é'")
    with pytest.raises(kind) as raised:
        list(Serial().map(fail, [0, 1, 2], {"bad": 1, "error": error}, ignore))
    assert raised.value is error


@pytest.mark.parametrize("kind", [RecvalError, ConfigError, DataError, ModelError, RunError])
def test_every_error_survives_the_border_between_processes(kind):
    from multiprocessing.reduction import ForkingPickler

    copy = ForkingPickler.loads(ForkingPickler.dumps(kind("found 'é'")))
    assert type(copy) is kind
    assert str(copy) == "found 'é'"


def test_reports_that_nobody_reads_any_more_do_not_block_the_end():
    ended = threading.Event()

    def run():
        with pytest.raises(ModelError, match="diverged"):
            list(Processes(2).map(report_much, ["fail", "long", "long"], None, ignore))
        ended.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ended.wait(60)


INTERRUPTED = """
import signal, time
from recval.engine import Dask, Processes

def endless(shared, task, report):
    report(0.1)
    while True:
        time.sleep(0.05)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # A process in the background of a shell ignores it.
    tell = lambda position, fraction: print("begun", flush=True)
    list(EXECUTOR.map(endless, range(8), None, tell))
"""
UNGUARDED = """
from recval.engine import Dask, Processes
list(EXECUTOR.map(min, range(8), None, None))
"""


@pytest.mark.parametrize("executor", ["Processes(2)", pytest.param("Dask(workers=2)", marks=pytest.mark.slow)])
def test_an_interrupt_ends_the_workers_too(executor, tmp_path):
    """As from a terminal: the signal reaches every process of the group."""
    script = tmp_path / "script.py"
    script.write_text(INTERRUPTED.replace("EXECUTOR", executor))
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout.readline() == "begun\n"
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in errors
    deadline = time.monotonic() + 30
    while is_alive(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(process.pid)


@pytest.mark.parametrize("executor", ["Processes(2)", pytest.param("Dask(workers=2)", marks=pytest.mark.slow)])
def test_a_script_that_starts_workers_as_it_is_imported_is_told_so(executor, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED.replace("EXECUTOR", executor))
    ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=100)
    assert ended.returncode == 1
    last = ended.stderr.rstrip().splitlines()[-1]
    assert last.startswith("recval.errors.RunError: the worker processes could not start")


def is_alive(group):
    """Return whether any process of the group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
