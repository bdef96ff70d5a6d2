"""Recommendations held against the truth: what a metric is computed from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recval.data.interactions import Codes
from recval.errors import ConfigError
from recval.ranking.item_sets import ItemSets
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
    """

    users: Codes
    items: Codes
    hits: npt.NDArray[np.bool_]
    relevant: Codes

    @classmethod
    def of(cls, recommendations: Recommendations, truth: ItemSets) -> RankedLists:
        """Mark the hits; users without a held-out item are left out."""
        kept = truth.counts[recommendations.users] > 0
        users, items = recommendations.users[kept], recommendations.items[kept]
        return cls(users, items, truth.contains(users, items), truth.counts[users])

    @property
    def k(self) -> int:
        """The length K of the lists."""
        return self.items.shape[1]

    def first(self, k: int) -> RankedLists:
        """Return the lists cut after k items.

        Raises:
            ConfigError: k is below 1 or above the length of the lists.
        """
        if not 1 <= k <= self.k:
            raise ConfigError(f"the cut-off must be from 1 to {self.k}, the length of the ranked lists, got {k}")
        return RankedLists(self.users, self.items[:, :k], self.hits[:, :k], self.relevant)
