"""soft-intra-list-distance[vectors]@K: how different the items of a soft list are."""

from __future__ import annotations

import torch
from torch import Tensor

from recval.adapter.rewards.soft.form import soft_form
from recval.adapter.rewards.soft.lists import SoftLists, ratio

_FEWEST_PAIRS = 1e-3


@soft_form("intra-list-distance")
def soft_intra_list_distance(lists: SoftLists, vectors: str) -> Tensor:
    r"""Return the mean of 1 - cosine over pairs of items, each pair weighted by its memberships, shape [U].

    .. math:: 1 - \frac{\sum_{i \ne j} m_{ui} m_{uj} \cos(v_i, v_j)}{\sum_{i \ne j} m_{ui} m_{uj}}

    Items without a vector are left out; NaN where there is as good as no pair.
    """
    directions = lists.context.directions(vectors)[lists.items].to(lists.membership)
    known = lists.membership * directions.any(2)
    squares = known.square().sum(1)
    total = (known[:, None] @ directions).squeeze(1)
    pairs = known.sum(1).square() - squares
    return 1 - ratio(total.square().sum(1) - squares, torch.where(pairs > _FEWEST_PAIRS, pairs, 0.0))
