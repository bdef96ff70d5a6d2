"""Losses beside the likelihood: they look at pairs, lists or groups of customers, not at each by itself.

| module | what it asks of the predictions | declared as |
|---|---|---|
| `response_ranking` | observed responses in the right order, within and across groups | `ResponseRanking` |
| `listwise` | high predicted uplift where treatment earns | `ListwiseUplift` |
| `balance` | representations that look alike in all arms | a part of the CFR network |
"""

from recval.uplift.losses.balance import between_arms, linear_mmd, rbf_mmd, wasserstein
from recval.uplift.losses.listwise import ListwiseUplift
from recval.uplift.losses.response_ranking import ResponseRanking, cross, within

__all__ = [
    "ListwiseUplift",
    "ResponseRanking",
    "between_arms",
    "cross",
    "linear_mmd",
    "rbf_mmd",
    "wasserstein",
    "within",
]
