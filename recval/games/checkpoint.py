"""The progress of an estimate on disk."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from recval.declarations import Declaration
from recval.errors import ModelError, RunError
from recval.games.game import Game
from recval.games.progress import Progress
from recval.store.state import read_state, write_state

Identity = dict[str, Any]
_SECONDS = 1.0


def identity_of(game: Game, seed: int, **settings: Declaration) -> Identity:
    """Return what must be the same for an estimate to be continued.

    Args:
        game: the game; told by its kind, its number of players and its values of nobody and of all.
        seed: the seed.
        settings: what else decides, by name.

    Raises:
        ModelError: the value of nobody or of all is not finite.
    """
    # Both ends are cached in the game, so the workers that it travels to do not evaluate them again.
    ends = (game.null_value, game.grand_value) if game.n_players else (0.0, 0.0)
    if not all(map(math.isfinite, ends)):
        raise ModelError(f"the game's values of nobody and of all must be finite numbers, got {ends[0]} and {ends[1]}")
    told = {"kind": type(game).__name__, "players": game.n_players, "nobody": ends[0], "all": ends[1]}
    return {"game": told, **{name: one.model_dump(mode="json") for name, one in settings.items()}, "seed": seed}


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
