"""Ranking: the items that a recommender puts first, how good they are, and whether a difference is more than luck.

Every item that a user has not seen is ranked; nothing is sampled. Candidates sampled at random change which of
two models looks better (Krichene and Rendle, "On Sampled Metrics for Item Recommendation", KDD 2020).

The way: `ItemSets` says what each user has seen, `top_k` ranks, `RankedLists` marks the hits, a `Metric` gives
each user a value, or all users together one. An `Evaluator` does all four for a scorer, and is built once for many
scorers; `scores_from_frame` makes a scorer of another system's scores. `paired_test` compares two scorers user by user;
`holm` corrects its p-values when there are several comparisons.

How to choose a metric: `ndcg` rewards early hits and is the usual target; `recall` asks how much of what a user
wants was found; `mrr` fits a user who wants one item; `hit` equals `recall` when one item a user is held out;
`precision` fits a list of fixed size; `map` is stricter than `ndcg` on late hits; `auc` weighs the whole ranking alike.
Beside one of these, look at what is beyond accuracy (`item-coverage`, `gini`, `novelty`, …) and at groups
(`worst-group`, `group-gap`, …). None of them sees predicted ratings or calibrated probabilities: to judge those, use
`evaluate_predictions`.
"""

from recval.ranking.context import Context
from recval.ranking.evaluate import Evaluation, Evaluator
from recval.ranking.external import ExternalScores, UnknownIdsWarning, ranks_from_frame, scores_from_frame
from recval.ranking.item_sets import ItemSets
from recval.ranking.lists import RankedLists
from recval.ranking.metrics import METRICS, Metric, metric, parse
from recval.ranking.predictions import PREDICTION_METRICS, PredictionMetric, Predictions, evaluate_predictions
from recval.ranking.ranks import Ranks
from recval.ranking.sampled import SampledMetricsWarning
from recval.ranking.significance import PairedTest, holm, paired_test
from recval.ranking.top_k import Recommendations, Scorer, top_k

__all__ = [
    "METRICS",
    "PREDICTION_METRICS",
    "Context",
    "Evaluation",
    "Evaluator",
    "ExternalScores",
    "ItemSets",
    "Metric",
    "PairedTest",
    "PredictionMetric",
    "Predictions",
    "RankedLists",
    "Ranks",
    "Recommendations",
    "SampledMetricsWarning",
    "Scorer",
    "UnknownIdsWarning",
    "evaluate_predictions",
    "holm",
    "metric",
    "paired_test",
    "parse",
    "ranks_from_frame",
    "scores_from_frame",
    "top_k",
]
