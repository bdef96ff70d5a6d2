"""Values: what a valuator found each player to be worth, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from recval.data import Interactions
from recval.errors import DataError
from recval.games.game import Floats
from recval.store.files import read_table, write_table

_COLUMNS = ("value", "standard_error", "count", "rank")


@dataclass(frozen=True, eq=False)
class Values:
    """The values of players; for recommenders, usually the training interactions.

    Attributes:
        players: who is valued, one row a player: the columns that identify it (`user`, `item`, `player` …), and
            numbers that explain its value, if the valuator gives any: columns of floating point, other than `user` and
            `item`. They are averaged as the values are.
        value: the mean of the estimates, shape [n]; NaN where there are none.
        variance: the sample variance of the estimates, shape [n]; infinite where there are fewer than two, unless the
            values are exact, and 0 then.
        count: the number of estimates, at least 0, shape [n].
    """

    players: pa.Table
    value: Floats
    variance: Floats
    count: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        lengths = {self.players.num_rows, len(self.value), len(self.variance), len(self.count)}
        if len(lengths) > 1:
            raise DataError(f"players, values, variances and counts must be of one length, got {sorted(lengths)}")

    @classmethod
    def from_estimates(cls, players: pa.Table, estimates: npt.ArrayLike) -> Values:
        """Return the values from several estimates of each, shape [estimates, n]."""
        draws = np.asarray(estimates, np.float64)
        n = draws.shape[1]
        variance = draws.var(axis=0, ddof=1) if len(draws) > 1 else np.full(n, np.inf)
        value = draws.mean(axis=0) if len(draws) else np.full(n, np.nan)
        return cls(players, value, variance, np.full(n, len(draws)))

    @classmethod
    def exact(cls, players: pa.Table, value: npt.ArrayLike) -> Values:
        """Return values without error, shape [n]."""
        found = np.asarray(value, np.float64)
        return cls(players, found, np.zeros(len(found)), np.ones(len(found), np.int64))

    def __len__(self) -> int:
        return len(self.value)

    def __add__(self, other: Values) -> Values:
        """Return the values over the estimates of both.

        Raises:
            DataError: the players differ.
        """
        self._check_same_players(other)
        count = self.count + other.count
        share = other.count / np.maximum(count, 1)
        value = _blend(self.value, other.value, share)
        between = np.where(self.count * other.count > 0, other.value - self.value, 0.0) ** 2 * self.count * share
        squares = self._squares + other._squares + between
        single = np.where(self.count > 0, self.variance, other.variance)
        variance = np.where(count > 1, squares / np.maximum(count - 1, 1), single)
        return Values(_blended(self.players, other.players, share), value, variance, count)

    @classmethod
    def mean_of(cls, runs: Sequence[Values]) -> Values:
        """Return the mean over runs, each run one estimate: its standard error is that of repeating the run.

        What a run has no estimate of is left out of it.

        Raises:
            DataError: there are no runs, or their players differ.
        """
        if not runs:
            raise DataError("there are no values to take the mean of")
        unknown = np.full(len(runs[0]), np.inf)
        return reduce(add, (cls(run.players, run.value, unknown, np.minimum(run.count, 1)) for run in runs))

    def unmet_as_mean(self, met: npt.NDArray[np.bool_]) -> Values:
        """Return the values where players that nothing was estimated of have the means of the others, as one estimate.

        Args:
            met: whether anything was estimated of each player, shape [n].
        """
        if met.all():
            return self

        def filled(numbers: Floats) -> Floats:
            return np.where(met, numbers, numbers[met].mean() if met.any() else 0.0)

        players = _identity(self.players)
        for name in self.players.column_names:
            if name not in players.column_names:
                players = players.append_column(name, pa.array(filled(self.players[name].to_numpy())))
        return Values(players, filled(self.value), np.where(met, self.variance, np.inf), np.where(met, self.count, 1))

    @cached_property
    def standard_error(self) -> Floats:
        """The standard error of each value, shape [n]; infinite where there is one estimate, or none."""
        return np.sqrt(self.variance / np.maximum(self.count, 1))

    @cached_property
    def rank(self) -> npt.NDArray[np.int64]:
        """The rank of each player: 1 is the most valuable; equals keep the order of the players, and NaN is last."""
        rank = np.empty(len(self), np.int64)
        rank[self.order()] = np.arange(1, len(self) + 1)
        return rank

    def order(self) -> npt.NDArray[np.intp]:
        """Return the positions of the players from the most to the least valuable."""
        return np.argsort(-self.value, kind="stable")

    def to_table(self) -> pa.Table:
        """Return one row a player: its columns, then value, standard_error, count and rank."""
        found = (self.value, self.standard_error, self.count, self.rank)
        table = self.players
        for name, column in zip(_COLUMNS, found, strict=True):
            table = table.append_column(name, pa.array(column))
        return table

    def to_frame(self) -> pd.DataFrame:
        """Return `to_table` as a DataFrame."""
        return self.to_table().to_pandas()

    def save(self, path: str | Path) -> None:
        """Write the values as Parquet."""
        write_table(path, self.to_table())

    @classmethod
    def read(cls, path: str | Path) -> Values:
        """Read values that `save` wrote.

        Raises:
            RunError: the file is missing or damaged.
            DataError: the file holds no values.
        """
        table = read_table(path)
        missing = [name for name in _COLUMNS if name not in table.column_names]
        if missing:
            raise DataError(f"{path} holds no values: the column {missing[0]!r} is missing")
        value, error, count, _ = (table[name].to_numpy() for name in _COLUMNS)
        variance = error**2 * np.maximum(count, 1)
        return cls(table.drop_columns(list(_COLUMNS)), value, variance, count)

    @property
    def _squares(self) -> Floats:
        """The sums of the squared deviations, shape [n]."""
        return np.where(self.count > 1, self.variance, 0.0) * np.maximum(self.count - 1, 0)

    def _check_same_players(self, other: Values) -> None:
        if not _identity(self.players).equals(_identity(other.players)):
            raise DataError("values of different players cannot be combined")


def players_of(train: Interactions) -> pa.Table:
    """Return the interactions as the players of values: columns user and item, their own ids."""
    sides = {"user": train.users, "item": train.items}
    return pa.table({side: vocabulary.ids.take(train.table[side]) for side, vocabulary in sides.items()})


def _identity(players: pa.Table) -> pa.Table:
    """Return the columns that say who a player is."""
    types = zip(players.column_names, players.schema.types, strict=True)
    return players.select([name for name, kind in types if name in ("user", "item") or not pa.types.is_floating(kind)])


def _blended(first: pa.Table, second: pa.Table, share: Floats) -> pa.Table:
    """Return the players with the explaining numbers of the second at the given share."""
    blended = _identity(first)
    for name in first.column_names:
        if name not in blended.column_names:
            numbers = _blend(first[name].to_numpy(), second[name].to_numpy(), share)
            blended = blended.append_column(name, pa.array(numbers))
    return blended


def _blend(first: Floats, second: Floats, share: Floats) -> Floats:
    """Return the first with the second at the given share; what has no share at all may be NaN."""
    return np.where(share == 0, first, np.where(share == 1, second, first + (second - first) * share))
