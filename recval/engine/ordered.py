"""Results of tasks in the order of the tasks, so that their sums are the same wherever and however they ran."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any, cast

from recval.engine.executor import Executor, Function, Report


def in_order(
    executor: Executor, function: Function, tasks: Sequence[Any], shared: Any, report: Report = lambda fraction: None
) -> Generator[Any]:
    """Yield the result of each task, the first one first; what is completed earlier waits.

    Args:
        executor: where the tasks run.
        function: called with `shared`, the task and a report.
        tasks: the tasks.
        shared: goes to a worker once.
        report: called with the share of the tasks that are done.
    """
    early: dict[int, Any] = {}
    due = 0
    results = executor.map(function, tasks, shared, lambda position, fraction: None)
    with closing(cast(Generator[tuple[int, Any]], results)):
        for done, (position, result) in enumerate(results, start=1):
            early[position] = result
            while due in early:
                yield early.pop(due)
                due += 1
            report(done / len(tasks))
