"""A set of items for each user: what was seen, or what was held out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from recval.data.interactions import Codes, Interactions
from recval.errors import DataError


@dataclass(frozen=True, eq=False)
class ItemSets:
    """A set of items for each user, in compressed rows.

    Build it once with `ItemSets.of` and share it between evaluations.

    Attributes:
        keys: `user * n_items + item` of each member, ascending and distinct, shape [n].
        n_users: number of users; those without a member have the empty set.
        n_items: number of items.
    """

    keys: Codes
    n_users: int
    n_items: int

    @classmethod
    def of(cls, interactions: Interactions, *more: Interactions) -> ItemSets:
        """Return the items that each user has in any of the tables; a repeated interaction counts once.

        Raises:
            DataError: the tables do not share their users and items.
        """
        for other in more:
            if not (other.users.ids.equals(interactions.users.ids) and other.items.ids.equals(interactions.items.ids)):
                raise DataError(
                    f"the tables must share their users and items: found {len(interactions.users):,} users and "
                    f"{len(interactions.items):,} items, then others ({len(other.users):,} and "
                    f"{len(other.items):,}); build them with one split"
                )
        n_items = len(interactions.items)
        keys = np.concatenate([table.user * n_items + table.item for table in (interactions, *more)])
        keys.sort()  # NumPy's unique hashes, which takes ten times as long.
        return cls(keys[np.diff(keys, prepend=-1) > 0], len(interactions.users), n_items)

    @cached_property
    def indptr(self) -> Codes:
        """Where each user's items begin in `items`, and where the last one's end, shape [n_users + 1]."""
        return np.searchsorted(self.keys, np.arange(self.n_users + 1) * self.n_items).astype(np.int64)

    @cached_property
    def items(self) -> Codes:
        """The members, by user and then by code, shape [n]."""
        return self.keys % self.n_items

    @cached_property
    def counts(self) -> Codes:
        """The size of each user's set, shape [n_users]."""
        return np.diff(self.indptr)

    def nonempty(self, users: npt.ArrayLike | None = None) -> Codes:
        """Return those of `users`, or of all, whose set has members; ascending and distinct."""
        found = np.flatnonzero(self.counts)
        return found if users is None else np.intersect1d(found, np.asarray(users, np.int64))

    def cells(self, users: Codes) -> tuple[Codes, Codes]:
        """Return the members as cells of a matrix whose rows are `users`: positions in `users`, and items."""
        counts = self.counts[users]
        ends = np.cumsum(counts)
        positions = np.arange(counts.sum()) + np.repeat(self.indptr[users] - (ends - counts), counts)
        return np.repeat(np.arange(len(users)), counts), self.items[positions]

    def without(self, other: ItemSets) -> ItemSets:
        """Return the sets without the members of the other sets of the same users."""
        return ItemSets(np.setdiff1d(self.keys, other.keys, assume_unique=True), self.n_users, self.n_items)

    def contains(self, users: Codes, items: Codes) -> npt.NDArray[np.bool_]:
        """Return whether each item is in the set of its row's user.

        Args:
            users: shape [U].
            items: shape [U, K]; -1 is in no set.
        """
        if len(self.keys) == 0:
            return np.zeros(items.shape, bool)
        keys = users[:, None] * self.n_items + items
        return (self.keys.take(np.searchsorted(self.keys, keys), mode="clip") == keys) & (items >= 0)
