"""Filters: which interactions count at all. Applied before the split, so that all parts obey them alike."""

from __future__ import annotations

import numpy as np

from recval.data.encoding import compact
from recval.data.interactions import Interactions
from recval.errors import DataError


def filtered(
    interactions: Interactions,
    *,
    min_rating: float | None = None,
    min_per_user: int = 1,
    min_per_item: int = 1,
) -> Interactions:
    """Return the interactions that are rated high enough, reduced until every user and item has enough of them.

    Args:
        interactions: the interactions.
        min_rating: drop lower ratings; needs the column `rating`.
        min_per_user: drop users with fewer interactions (at least 1), repeatedly.
        min_per_item: drop items with fewer interactions (at least 1), repeatedly.

    Raises:
        DataError: there are no ratings, or nothing is left.
    """
    kept = interactions
    if min_rating is not None:
        kept = kept.take(kept.column("rating") >= min_rating)
    while len(kept):
        enough = (kept.user_counts() >= min_per_user)[kept.user] & (kept.item_counts() >= min_per_item)[kept.item]
        if np.all(enough):
            break
        kept = kept.take(enough)
    if len(kept) == 0:
        raise DataError(
            f"no interactions are left of {len(interactions):,} after filtering with "
            f"min_rating={min_rating}, min_per_user={min_per_user}, min_per_item={min_per_item}"
        )
    return kept if kept is interactions else compact(kept)
