"""The tasks that are under way: a few for each worker, so that any number of others waits without being listed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

from recval.engine.executor import OnProgress

_SECONDS = 0.2
"""How long to wait for a task to end before reports of progress are passed on."""


class _Future(Protocol):
    def add_done_callback(self, fn: Callable[[Any], object], /) -> None: ...


class _Reports(Protocol):
    """A queue of (position, fraction); of threads or of processes."""

    def empty(self) -> bool: ...
    def get(self) -> tuple[int, float]: ...


F = TypeVar("F", bound=_Future)


class Window(Generic[F]):
    """Begins tasks as others end.

    Attributes:
        begun: the futures of the tasks under way, by position.
    """

    def __init__(self, size: int, begin: Callable[[int], F], reports: _Reports, on_progress: OnProgress) -> None:
        """Open an empty window.

        Args:
            size: the most tasks to be under way.
            begin: begins the task at a position.
            reports: where workers report to.
            on_progress: whom to tell.
        """
        self.begun: dict[int, F] = {}
        self._size, self._begin, self._reports, self._on_progress = size, begin, reports, on_progress
        self._ended: SimpleQueue[int] = SimpleQueue()

    def fill(self, positions: Iterator[int]) -> None:
        """Begin tasks until the window is full or none is left."""
        for position in islice(positions, self._size - len(self.begun)):
            self.begun[position] = future = self._begin(position)
            future.add_done_callback(partial(self._note, position))

    def take_ended(self) -> list[tuple[int, F]]:
        """Wait a moment for tasks to end, pass on what was reported, and take out those that ended, earliest first."""
        positions = []
        try:
            positions.append(self._ended.get(timeout=_SECONDS))
            while True:
                positions.append(self._ended.get_nowait())
        except Empty:
            pass
        while not self._reports.empty():
            self._on_progress(*self._reports.get())
        return [(position, self.begun.pop(position)) for position in positions]

    def _note(self, position: int, _: Any) -> None:
        self._ended.put(position)
