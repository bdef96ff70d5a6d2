"""soft-gini@K: how unevenly soft lists fall on items."""

from __future__ import annotations

import torch
from torch import Tensor

from recval.adapter.rewards.soft.form import soft_form
from recval.adapter.rewards.soft.lists import SoftLists, ratio


@soft_form("gini")
def soft_gini(lists: SoftLists) -> Tensor:
    r"""Return the Gini index of :math:`c_i = \sum_u m_{ui}`, a scalar; see the metric."""
    counts = lists.counts.sort().values
    n = len(counts)
    weights = 2 * torch.arange(1, n + 1).to(counts) - n - 1
    return ratio(weights @ counts, n * counts.sum())
