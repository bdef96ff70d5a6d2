"""What the bags of Data-OOB have told so far, in memory and on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from recval.data import Interactions
from recval.errors import RunError
from recval.games.sums import values_of_sums
from recval.games.values import Values, players_of
from recval.store.state import State, read_state, write_state

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sums:
    """What the bags so far have told.

    Attributes:
        bags: how many there were.
        total: the sum of each interaction's percentiles, shape [n].
        squares: the sum of their squares, shape [n].
        count: how many bags left it out, shape [n].
    """

    bags: int
    total: Floats
    squares: Floats
    count: npt.NDArray[np.int64]

    @classmethod
    def none(cls, n: int) -> Sums:
        """Return the sums of no bags."""
        return cls(0, np.zeros(n), np.zeros(n), np.zeros(n, np.int64))

    def plus(self, found: Floats) -> Sums:
        """Return the sums with those of a bag; NaN for what is in it, shape [n]."""
        left = ~np.isnan(found)
        found = np.where(left, found, 0.0)
        return Sums(self.bags + 1, self.total + found, self.squares + found**2, self.count + left)

    def values(self, train: Interactions) -> Values:
        """Return the means over bags."""
        found = values_of_sums(players_of(train), self.total, self.squares, self.count)
        return found.unmet_as_mean(self.count > 0)


class Keeper:
    """A file that the sums are kept in after each bag.

    Args:
        path: the file; None keeps nothing.
        of: what the sums are of.
    """

    def __init__(self, path: Path | None, of: State) -> None:
        self._path, self._of = path, of

    def read(self, bags: int) -> Sums | None:
        """Return the sums in the file, or None if there is no file.

        Raises:
            RunError: the file is damaged, or holds the sums of something else or of more than so many bags.
        """
        if self._path is None or not self._path.exists():
            return None
        state = read_state(self._path)
        if state.get("of") != self._of:
            raise RunError(f"{self._path} is the checkpoint of another valuation; remove it, or name another file")
        if state["bags"] > bags:
            raise RunError(
                f"{self._path} holds {state['bags']} bags, and {bags} are asked for; remove it to begin anew"
            )
        return Sums(state["bags"], *(state[name].numpy() for name in ("total", "squares", "count")))

    def write(self, sums: Sums) -> None:
        """Keep the sums."""
        if self._path is not None:
            arrays = {name: torch.from_numpy(getattr(sums, name)) for name in ("total", "squares", "count")}
            write_state(self._path, {"of": self._of, "bags": sums.bags, **arrays})
