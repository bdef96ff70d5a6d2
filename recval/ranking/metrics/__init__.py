"""Metrics of ranked lists, one a file; `parse("ndcg@10")` finds one by name, `@metric("name")` adds one."""

from recval.ranking.metrics.hit import hit_rate
from recval.ranking.metrics.map import average_precision
from recval.ranking.metrics.metric import METRICS, Metric, metric, parse
from recval.ranking.metrics.mrr import reciprocal_rank
from recval.ranking.metrics.ndcg import ndcg
from recval.ranking.metrics.precision import precision
from recval.ranking.metrics.recall import recall

__all__ = [
    "METRICS",
    "Metric",
    "average_precision",
    "hit_rate",
    "metric",
    "ndcg",
    "parse",
    "precision",
    "recall",
    "reciprocal_rank",
]
