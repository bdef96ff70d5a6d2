"""Metrics of ranked lists, one a file; `parse("ndcg@10")` finds one by name, `@metric("name")` adds one."""

from recval.ranking.metrics.auc import auc
from recval.ranking.metrics.average_popularity import average_popularity
from recval.ranking.metrics.category_coverage import category_coverage
from recval.ranking.metrics.entropy import entropy
from recval.ranking.metrics.equal_opportunity import equal_opportunity
from recval.ranking.metrics.exposure_parity import exposure_parity
from recval.ranking.metrics.gauc import gauc
from recval.ranking.metrics.gini import gini
from recval.ranking.metrics.group_gap import group_gap
from recval.ranking.metrics.hit import hit_rate
from recval.ranking.metrics.intra_list_distance import intra_list_distance
from recval.ranking.metrics.item_coverage import item_coverage
from recval.ranking.metrics.map import average_precision
from recval.ranking.metrics.metric import METRICS, Metric, metric, parse
from recval.ranking.metrics.mrr import reciprocal_rank
from recval.ranking.metrics.ndcg import ndcg
from recval.ranking.metrics.novelty import novelty
from recval.ranking.metrics.precision import precision
from recval.ranking.metrics.recall import recall
from recval.ranking.metrics.statistical_parity import statistical_parity
from recval.ranking.metrics.tail_share import tail_share
from recval.ranking.metrics.worst_group import worst_group

__all__ = [
    "METRICS",
    "Metric",
    "auc",
    "average_popularity",
    "average_precision",
    "category_coverage",
    "entropy",
    "equal_opportunity",
    "exposure_parity",
    "gauc",
    "gini",
    "group_gap",
    "hit_rate",
    "intra_list_distance",
    "item_coverage",
    "metric",
    "ndcg",
    "novelty",
    "parse",
    "precision",
    "recall",
    "reciprocal_rank",
    "statistical_parity",
    "tail_share",
    "worst_group",
]
