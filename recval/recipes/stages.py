"""How work tells of its progress: stage by stage, each a number of tasks that are done bit by bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from recval.engine.executor import OnProgress

Stage = Callable[[str, int], AbstractContextManager[OnProgress]]
"""Opens a stage by its name and number of tasks; gives what is called with the progress of each."""


@contextmanager
def silent(name: str, tasks: int) -> Iterator[OnProgress]:
    """Tell nobody of the progress."""
    yield lambda position, fraction: None
