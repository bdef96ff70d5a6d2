"""tail-share@K: how much of a list is from the long tail."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recval.data.interactions import Codes
from recval.ranking.lists import RankedLists
from recval.ranking.metrics.metric import PerUser, metric


@metric("tail-share")
def tail_share(lists: RankedLists) -> PerUser:
    """Return the share of the list's items that are in the long tail, in [0, 1]; NaN for an empty list.

    The head is the fewest most popular items that together have at least 80 % of the training interactions, and all
    that are as popular as the last of them; the tail is the rest, items without interactions included.

    Source: Abdollahpouri, Burke and Mobasher, "Controlling popularity bias in learning-to-rank recommendation",
    RecSys 2017, for the tail. RecBole's `TailPercentage` takes the least popular tenth of the items instead, and none
    that is without interactions.
    """
    return lists.mean_of(long_tail(lists.context.popularity))


def long_tail(popularity: Codes) -> npt.NDArray[np.bool_]:
    """Return whether each item is in the long tail, shape [n_items]; see `tail_share`.

    Args:
        popularity: the number of training interactions of each item, shape [n_items].
    """
    falling = np.sort(popularity)[::-1]
    last = np.searchsorted(5 * np.cumsum(falling), 4 * falling.sum())
    return popularity < falling[last]
