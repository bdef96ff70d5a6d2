"""soft-entropy@K: how evenly soft lists spread over items."""

from __future__ import annotations

import torch
from torch import Tensor

from recval.adapter.rewards.soft.form import soft_form
from recval.adapter.rewards.soft.lists import SoftLists, ratio


@soft_form("entropy")
def soft_entropy(lists: SoftLists) -> Tensor:
    r"""Return :math:`-\sum_i p_i \ln p_i` with :math:`p_i = \sum_u m_{ui} / \sum_{ui} m_{ui}`, in nats, a scalar."""
    share = ratio(lists.counts, lists.counts.sum())
    return -(share * share.clamp(min=torch.finfo(share.dtype).tiny).log()).sum()
