"""Rewards: what training aims at, measured on validation data; higher is better.

- A ranking metric ("ndcg@10", "gini@20"): any metric of the registry; lower-is-better ones are negated. It has no
  gradient, so the policy gradient learns from its changes.
- "soft-" and a metric ("soft-ndcg@10", "soft-gini@20"): a smooth form of it, with a gradient
  (`recval.adapter.rewards.soft`).
- "bpr": minus the backbone's own loss on validation triplets; differentiable.
- "lambda-ndcg@K": minus a validation loss of pairs whose gradient ascends NDCG@K; differentiable.
- A function of one's own, registered with `@recval.adapter.reward`; see `recval.adapter.rewards.own`.
- A weighted sum of several, {"soft-ndcg@10": 1, "soft-gini@20": 0.5}; all of one sort, with a gradient or without.

How to choose: docs/rewards.md. A reward looks at a sample of the validation users, so that a look costs about as much
as one training step. The test part of a split is never looked at.
"""

from recval.adapter.rewards.build import (
    DifferentiableReward,
    MeasuredReward,
    RewardSpec,
    differentiable_reward,
    is_differentiable,
    measured_reward,
)
from recval.adapter.rewards.lambda_ndcg import LambdaNDCG
from recval.adapter.rewards.own import REWARDS, Reward, reward
from recval.adapter.rewards.ranking_reward import RankingReward
from recval.adapter.rewards.soft import SoftReward
from recval.adapter.rewards.validation_loss import ValidationLoss

__all__ = [
    "REWARDS",
    "DifferentiableReward",
    "LambdaNDCG",
    "MeasuredReward",
    "RankingReward",
    "Reward",
    "RewardSpec",
    "SoftReward",
    "ValidationLoss",
    "differentiable_reward",
    "is_differentiable",
    "measured_reward",
    "reward",
]
