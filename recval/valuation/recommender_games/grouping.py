"""What a recipe may say of the players of a game, and how training interactions are grouped into them."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field

from recval.data import Interactions, Vocabulary
from recval.data.interactions import Codes
from recval.declarations import Declaration, checked
from recval.errors import ConfigError, unknown
from recval.games.values import players_of
from recval.ranking.fields import group_codes
from recval.rng import derive, numpy_generator
from recval.valuation.recommender_games.clusters import clusters_of
from recval.valuation.recommender_games.players import Players

Side = Literal["user", "item"]
_FIELD = re.compile(r"(user|item)\[([^\[\]]+)\]")


class Grouping(Declaration, ABC):
    """Base of groupings."""

    def check(self, train: Interactions) -> None:
        """Refuse by a `RecvalError` what cannot be grouped."""

    @abstractmethod
    def players(self, train: Interactions, seed: int) -> Players:
        """Return the players.

        Args:
            train: the training interactions.
            seed: what is drawn derives from it.
        """


class OneEach(Grouping):
    """A player for each row, each (user, item) pair however often it stands in the table, each user, or each item.

    Users and items without training interactions are no players.
    """

    kind: Literal["interactions", "pairs", "users", "items"]

    def players(self, train: Interactions, seed: int) -> Players:
        """Return the players, in the order of the rows or of the codes."""
        if self.kind == "interactions":
            return Players(players_of(train), np.arange(len(train)))
        if self.kind == "pairs":
            _, first, of_row = np.unique(
                train.user * len(train.items) + train.item, return_index=True, return_inverse=True
            )
            return Players(players_of(train.take(first)), of_row.reshape(-1))
        side: Side = "user" if self.kind == "users" else "item"
        present, of_row = np.unique(_codes(train, side), return_inverse=True)
        return Players(pa.table({side: _vocabulary(train, side).ids.take(pa.array(present))}), of_row.reshape(-1))


class Clusters(Grouping):
    """Users, or items, that met the same: clusters by k-means.

    Attributes:
        number: how many clusters; fewer where there are fewer users or items.
    """

    kind: Literal["user-clusters", "item-clusters"]
    number: int = Field(100, ge=1)

    def players(self, train: Interactions, seed: int) -> Players:
        """Return the clusters that have rows; they are numbered from 0."""
        side: Side = "user" if self.kind == "user-clusters" else "item"
        cluster = clusters_of(train, side, self.number, derive(seed, "clusters"))
        return _numbered(cluster[_codes(train, side)], f"{side} cluster")


class RandomGroups(Grouping):
    """Rows dealt into groups of equal size at random: what a grouping by likeness is held against.

    Attributes:
        number: how many groups; fewer where there are fewer rows.
    """

    kind: Literal["random"]
    number: int = Field(100, ge=1)

    def players(self, train: Interactions, seed: int) -> Players:
        """Return the groups; they are numbered from 0."""
        return _numbered(numpy_generator(seed, "groups").permutation(len(train)) % self.number, "group")


def _check_field(text: str) -> None:
    if _FIELD.fullmatch(text) is None:
        raise ConfigError(f"a field is written as 'user[gender]' or 'item[class]', got {text!r}")


class FieldGroups(Grouping):
    """Users, or items, of the same value of a field; those without a value are a group of their own.

    Attributes:
        field: the field, such as "user[gender]" or "item[class]".
    """

    kind: Literal["field"]
    field: Annotated[str, checked(_check_field)]

    def check(self, train: Interactions) -> None:
        """Refuse a field that the data lacks.

        Raises:
            ConfigError: it does.
        """
        side, name = _split_field(self.field)
        fields = _vocabulary(train, side).fields
        names = [] if fields is None else fields.column_names
        if name not in names:
            raise ConfigError(unknown(f"{side} field", name, names))

    def players(self, train: Interactions, seed: int) -> Players:
        """Return the groups that have rows; the table has a column of the field's own name, as text.

        Raises:
            ConfigError: the data lacks the field.
        """
        self.check(train)
        side, name = _split_field(self.field)
        fields = _vocabulary(train, side).fields
        assert fields is not None
        column, codes = fields[name].combine_chunks(), _codes(train, side)
        _, first, of_row = np.unique(group_codes(column)[codes], return_index=True, return_inverse=True)
        texts = [None if one is None else str(one) for one in column.take(pa.array(codes[first])).to_pylist()]
        return Players(pa.table({self.field: pa.array(texts, pa.string())}), of_row.reshape(-1))


AnyGrouping = Annotated[OneEach | Clusters | RandomGroups | FieldGroups, Field(discriminator="kind")]
"""The players of a game in a recipe."""


def _split_field(text: str) -> tuple[Side, str]:
    found = _FIELD.fullmatch(text)
    assert found is not None
    return ("user" if found[1] == "user" else "item"), found[2]


def _codes(train: Interactions, side: Side) -> Codes:
    return train.user if side == "user" else train.item


def _vocabulary(train: Interactions, side: Side) -> Vocabulary:
    return train.users if side == "user" else train.items


def _numbered(group: npt.NDArray[np.integer], name: str) -> Players:
    """Return the groups that have rows as players, identified by their number."""
    present, of_row = np.unique(group, return_inverse=True)
    return Players(pa.table({name: present.astype(np.int64)}), of_row.reshape(-1))
