"""Recommendations held against the truth: what a metric is computed from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recval.data.interactions import Codes
from recval.errors import ConfigError
from recval.ranking.context import Context
from recval.ranking.item_sets import ItemSets
from recval.ranking.ranks import Ranks
from recval.ranking.top_k import Recommendations


@dataclass(frozen=True, eq=False)
class RankedLists:
    """The ranked items of each user, and which of them were held out.

    Every user has at least one held-out item, so a metric may divide by `relevant`.

    Attributes:
        users: the users' codes, shape [U].
        items: the items' codes, best first, shape [U, K]; -1 where a list has ended.
        hits: whether the item was held out, shape [U, K].
        relevant: number of items held out for the user, at least 1, shape [U]; one that is masked as seen counts
            too, although it is never recommended.
        context: the catalogue, the popularity of items, categories and groups.
        ranks: where the held-out items stand among all unseen ones; only for metrics of the whole ranking.
    """

    users: Codes
    items: Codes
    hits: npt.NDArray[np.bool_]
    relevant: Codes
    context: Context = field(default_factory=Context)
    ranks: Ranks | None = None

    @classmethod
    def of(cls, recommendations: Recommendations, truth: ItemSets, context: Context | None = None) -> RankedLists:
        """Mark the hits; users without a held-out item are left out."""
        kept = truth.counts[recommendations.users] > 0
        users, items = recommendations.users[kept], recommendations.items[kept]
        return cls(users, items, truth.contains(users, items), truth.counts[users], context or Context())

    @property
    def k(self) -> int:
        """The length K of the lists."""
        return self.items.shape[1]

    @cached_property
    def lengths(self) -> Codes:
        """The number of items in each list, shape [U]; below K where a list has ended."""
        return (self.items >= 0).sum(axis=1)

    @cached_property
    def matrix(self) -> sparse.csr_array:
        """The lists as a sparse matrix [U, n_items], 1 where an item is in a user's list."""
        indptr = np.concatenate([[0], np.cumsum(self.lengths)])
        items = self.items[self.items >= 0]
        return sparse.csr_array((np.ones(len(items)), items, indptr), shape=(len(self.users), self.context.n_items))

    def first(self, k: int) -> RankedLists:
        """Return the lists cut after k items.

        Raises:
            ConfigError: k is below 1 or above the length of the lists.
        """
        if not 1 <= k <= self.k:
            raise ConfigError(f"the cut-off must be from 1 to {self.k}, the length of the ranked lists, got {k}")
        return replace(self, items=self.items[:, :k], hits=self.hits[:, :k])

    def mean_of(self, values: npt.NDArray[np.number] | npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        """Return the mean over each list of what is known of every item; NaN for an empty list.

        Args:
            values: shape [n_items].
        """
        listed = np.where(self.items >= 0, values[self.items], 0.0).sum(axis=1)
        return np.divide(listed, self.lengths, out=np.full(len(self.users), np.nan), where=self.lengths > 0)

    def sum_by_item(self, weights: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the sum over all lists of the weights of each item's places, shape [n_items].

        Args:
            weights: a weight for each place, of a shape that spreads to [U, K].
        """
        listed = self.items >= 0
        spread = np.broadcast_to(weights, self.items.shape)[listed].astype(np.float64)
        return np.asarray(np.bincount(self.items[listed], spread, minlength=self.context.n_items), np.float64)
