"""The progress of an estimate on disk."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from recval.errors import RunError
from recval.games.progress import Progress
from recval.store.state import read_state, write_state

Identity = dict[str, Any]
_SECONDS = 1.0


class Checkpoint:
    """A file that the progress of one estimate is kept in, about once a second.

    Args:
        path: the file; None keeps nothing.
        of: what is estimated, and how: numbers, text, and dictionaries of them.
    """

    def __init__(self, path: Path | None, of: Identity) -> None:
        self._path = path
        self._of = of
        self._written = time.monotonic()
        self._kept: Progress | None = None

    def read(self) -> Progress | None:
        """Return the progress in the file, or None if there is no file.

        Raises:
            RunError: the file is damaged, or is that of another estimate.
        """
        if self._path is None or not self._path.exists():
            return None
        state = read_state(self._path)
        of = state.get("of")
        if not isinstance(of, dict) or "progress" not in state:
            raise RunError(f"{self._path} is no checkpoint of an estimate; remove it to begin anew")
        for name, ours in self._of.items():
            if of.get(name) != ours:
                raise RunError(
                    f"{self._path} is the checkpoint of another estimate: its {name} is {of.get(name)}, not {ours}; "
                    "remove it to begin anew"
                )
        self._kept = Progress.of_state(state["progress"])
        return self._kept

    def write(self, progress: Progress, now: bool = False) -> None:
        """Keep the progress: if a second has passed since the last time, or now."""
        if self._path is None or progress is self._kept:
            return
        if now or time.monotonic() - self._written >= _SECONDS:
            write_state(self._path, {"of": self._of, "progress": progress.state()})
            self._written, self._kept = time.monotonic(), progress
