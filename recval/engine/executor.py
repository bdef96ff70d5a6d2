"""What an executor is: it calls a function for each of many tasks, somewhere.

`executor.map(function, tasks, shared, on_progress)` calls `function(shared, task, report)` for each task. `shared` goes
to a worker once. A task must derive its randomness from itself (`recval.rng`), so that the results are the same for any
executor and any number of workers. `report(fraction)` tells how far the task is, in [0, 1].

Tasks are begun in their order, a few for each worker at a time, so that there may be millions of them (a `range` is
never listed). What the function raises is raised as itself, and is not tried again; a task whose worker was lost is. So
a task may run more than once, and must be one that can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

Report = Callable[[float], None]
Function = Callable[[Any, Any, Report], Any]
OnProgress = Callable[[int, float], None]
"""Called with the position of a task and how far it is."""


class Executor(Protocol):
    """Runs tasks, and yields each one's position and result as it completes."""

    def map(
        self, function: Function, tasks: Sequence[Any], shared: Any, on_progress: OnProgress
    ) -> Iterator[tuple[int, Any]]:
        """Yield (position, result) of each task in the order of completion.

        A caller that has enough closes the iterator: what has not begun is cancelled, and what runs in a worker is
        given up.
        """
