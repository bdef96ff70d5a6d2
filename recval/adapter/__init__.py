"""The metric adapter: training that aims at a metric without a gradient, or with one."""

from recval.adapter.environment import MetricEnvironment
from recval.adapter.meta_gradient import descent, preconditioned, reward_gains
from recval.adapter.observation import INPUTS, Observer
from recval.adapter.policy import RewardScale, policy_gradient_loss
from recval.adapter.rewards import LambdaNDCG, RankingReward, SoftReward, ValidationLoss, reward

__all__ = [
    "INPUTS",
    "LambdaNDCG",
    "MetricEnvironment",
    "Observer",
    "RankingReward",
    "RewardScale",
    "SoftReward",
    "ValidationLoss",
    "descent",
    "policy_gradient_loss",
    "preconditioned",
    "reward",
    "reward_gains",
]
