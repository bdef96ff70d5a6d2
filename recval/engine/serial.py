"""Tasks in this process, one after the other: no cost, and the results come in order. For one core, and to debug."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from recval.engine.executor import Function, OnProgress


@dataclass(frozen=True)
class Serial:
    """Runs the tasks one after the other in this process.

    Attributes:
        threads: threads to compute with; None leaves torch's setting alone.
    """

    threads: int | None = None

    def map(
        self, function: Function, tasks: Sequence[Any], shared: Any, on_progress: OnProgress
    ) -> Iterator[tuple[int, Any]]:
        """Yield (position, result) of each task, in order."""
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(self.threads or before)
        try:
            for position, task in enumerate(tasks):
                yield position, function(shared, task, partial(on_progress, position))
        finally:
            torch.set_num_threads(before)
