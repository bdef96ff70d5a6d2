"""The metric adapter: training that aims at a metric without a gradient, or with one."""

from recval.adapter.environment import MetricEnvironment
from recval.adapter.meta_gradient import directional_derivatives, reward_gains, step_sizes
from recval.adapter.observation import INPUTS, Observer
from recval.adapter.policy import RewardScale, policy_gradient_loss
from recval.adapter.rewards import LambdaNDCG, RankingReward, ValidationLoss

__all__ = [
    "INPUTS",
    "LambdaNDCG",
    "MetricEnvironment",
    "Observer",
    "RankingReward",
    "RewardScale",
    "ValidationLoss",
    "directional_derivatives",
    "policy_gradient_loss",
    "reward_gains",
    "step_sizes",
]
