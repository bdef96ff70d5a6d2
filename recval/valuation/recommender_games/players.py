"""Players: which training interactions stand or fall together.

A game of all interactions is the finest and the dearest: a round of most estimators evaluates as many coalitions as
there are players. With users or items as players a round costs as many as there are of these; with 50 to 500 clusters
it is cheap enough for models that are trained anew. What is the same for all rows of a player cannot be told apart:
noise that is spread evenly over users is invisible to a game of users.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from recval.data import Interactions
from recval.data.interactions import Codes
from recval.errors import DataError
from recval.games.values import Values, players_of


@dataclass(frozen=True, eq=False)
class Players:
    """Training interactions, grouped into players.

    Attributes:
        table: one row a player: the columns that identify it (`user`, `item`, `user cluster`, …), ids and not codes.
        of_row: the player of each training interaction, shape [n_rows]; a player may have none.

    Raises:
        DataError: a row's player is not in the table.
    """

    table: pa.Table
    of_row: Codes

    def __post_init__(self) -> None:
        if len(self.of_row) and not 0 <= self.of_row.min() <= self.of_row.max() < len(self):
            raise DataError(
                f"players of rows must be from 0 to {len(self) - 1}, got {self.of_row.min()} to {self.of_row.max()}"
            )

    def __len__(self) -> int:
        return self.table.num_rows

    @cached_property
    def sizes(self) -> Codes:
        """The number of rows of each player, shape [n_players]."""
        return np.bincount(self.of_row, minlength=len(self)).astype(np.int64)

    def spread(self, by_player: Values, train: Interactions) -> Values:
        """Return the values of the rows: that of a row's player in equal parts, so that the sum is kept.

        The parts of one player are known equally well, and their errors are one and the same: a part's standard error
        is the player's over its number of rows.

        Args:
            by_player: the values of these players.
            train: the interactions that were grouped.
        """
        size = self.sizes[self.of_row]
        value, variance = (column[self.of_row] for column in (by_player.value, by_player.variance))
        return Values(players_of(train), value / size, variance / size**2, by_player.count[self.of_row])
