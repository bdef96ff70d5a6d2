"""soft-ndcg@K: memberships of held-out items, discounted by a smooth rank."""

from __future__ import annotations

import torch
from torch import Tensor

from recval.adapter.rewards.soft.form import soft_form
from recval.adapter.rewards.soft.lists import SoftLists


@soft_form("ndcg")
def soft_ndcg(lists: SoftLists) -> Tensor:
    r"""Return :math:`\sum_{i \in T_u} m_{ui} / \log_2(1 + r_{ui})` over the gain of the best possible list, shape [U].

    .. math:: r_{ui} = 1 + \sum_{j \ne i} \sigma((s_{uj} - s_{ui}) / \tau_u)

    Source: ApproxNDCG with its truncation function: Qin, Liu and Li, "A general approximation framework for direct
    optimization of information retrieval measures", Information Retrieval 2010. Membership is their truncation.
    """
    row, place = lists.hits.nonzero(as_tuple=True)
    above = torch.sigmoid((lists.scores[row] - lists.scores[row, place][:, None]) / lists.temperature[row])
    rank = 0.5 + above.sum(1)  # The item itself adds the other half.
    gains = lists.membership[row, place] / torch.log2(1 + rank)
    gain = gains.new_zeros(len(lists.users)).index_add(0, row, gains)
    ideal = (1 / torch.log2(torch.arange(2, lists.k + 2).to(gain))).cumsum(0)
    return gain / ideal[lists.relevant.long().clamp(max=lists.k) - 1]
