"""What is said of workers that were lost."""

from __future__ import annotations

from recval.errors import RunError


def not_started() -> RunError:
    """Return the error for processes that ended before their first task."""
    return RunError(
        "the worker processes could not start: for want of memory, or because a script starts workers outside of "
        "`if __name__ == '__main__':`"
    )


def lost_too_often(times: int) -> RunError:
    """Return the error for a task with which workers were lost."""
    return RunError(
        f"a worker process was lost {times} times with the same task under way, for want of memory perhaps "
        "(run again to continue, with fewer workers)"
    )
