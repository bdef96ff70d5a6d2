"""Begins in this process and hands on what is left after a few seconds: short work never waits for workers."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, cast

from recval.engine.executor import Executor, Function, OnProgress
from recval.engine.serial import Serial


@dataclass(frozen=True)
class BeginHere:
    """Runs the first tasks in this process, one after the other, and the rest elsewhere.

    For many short tasks, whose number does not tell how long they take together. Where a single task takes long, the
    others wait for it.

    Attributes:
        rest: runs what is left.
        seconds: how long tasks are begun in this process.
    """

    rest: Executor
    seconds: float = 2.0

    def map(
        self, function: Function, tasks: Sequence[Any], shared: Any, on_progress: OnProgress
    ) -> Generator[tuple[int, Any]]:
        """Yield (position, result) of each task: at first in order, then in the order of completion."""
        begun, deadline = 0, time.monotonic() + self.seconds
        while begun < len(tasks) and time.monotonic() < deadline:
            ((_, result),) = Serial(threads=1).map(
                function, tasks[begun : begun + 1], shared, _shifted(on_progress, begun)
            )
            begun += 1
            yield begun - 1, result
        if begun < len(tasks):
            left = self.rest.map(function, tasks[begun:], shared, _shifted(on_progress, begun))
            with closing(cast(Generator[tuple[int, Any]], left)):
                for position, result in left:
                    yield begun + position, result


def _shifted(on_progress: OnProgress, begun: int) -> OnProgress:
    """Return what is told the positions among all tasks."""
    return lambda position, fraction: on_progress(begun + position, fraction)
