"""Smooth forms of ranking metrics, one a file: "soft-ndcg@10" is that of "ndcg@10".

All are functions of the same soft lists (`recval.adapter.rewards.soft.lists`): each item is in a list to a degree, and
what a metric counts becomes a sum of degrees. `@soft_form("metric")` adds one.
"""

from recval.adapter.rewards.soft.average_popularity import soft_average_popularity
from recval.adapter.rewards.soft.category_coverage import soft_category_coverage
from recval.adapter.rewards.soft.entropy import soft_entropy
from recval.adapter.rewards.soft.form import FORMS, parse_soft, soft_form
from recval.adapter.rewards.soft.gini import soft_gini
from recval.adapter.rewards.soft.group_gap import soft_group_gap
from recval.adapter.rewards.soft.intra_list_distance import soft_intra_list_distance
from recval.adapter.rewards.soft.item_coverage import soft_item_coverage
from recval.adapter.rewards.soft.lists import SoftLists
from recval.adapter.rewards.soft.ndcg import soft_ndcg
from recval.adapter.rewards.soft.novelty import soft_novelty
from recval.adapter.rewards.soft.precision import soft_precision
from recval.adapter.rewards.soft.recall import soft_recall
from recval.adapter.rewards.soft.reward import SoftReward
from recval.adapter.rewards.soft.tail_share import soft_tail_share

__all__ = [
    "FORMS",
    "SoftLists",
    "SoftReward",
    "parse_soft",
    "soft_average_popularity",
    "soft_category_coverage",
    "soft_entropy",
    "soft_form",
    "soft_gini",
    "soft_group_gap",
    "soft_intra_list_distance",
    "soft_item_coverage",
    "soft_ndcg",
    "soft_novelty",
    "soft_precision",
    "soft_recall",
    "soft_tail_share",
]
