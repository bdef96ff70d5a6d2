"""Rewards: what training aims at, measured on validation data; higher is better.

- A ranking metric ("ndcg@10", "recall@20"): any metric of the registry; lower-is-better ones are negated. It has no
  gradient, so the policy gradient learns from its changes.
- "bpr": minus the backbone's own loss on validation triplets; differentiable.
- "lambda-ndcg@K": minus the validation loss of pairs, each weighted by what swapping its two items would change in
  NDCG@K (LambdaRank: Burges, Ragno and Le, NIPS 2006), so that its gradient ascends NDCG@K; differentiable.

A reward looks at a sample of the validation users, so that one look costs about as much as one training step. The
test part of a split is never looked at.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from recval.backbones import Backbone, Batch
from recval.data import Split
from recval.errors import ConfigError
from recval.ranking import Evaluator, ItemSets, parse, top_k
from recval.ranking.top_k import Recommendations
from recval.rng import numpy_generator
from recval.training import TripletSampler

PAIRS_DEPTH = 5
"""Negatives of `LambdaNDCG` are drawn from the first `PAIRS_DEPTH * K` items of a user's ranking."""


class DifferentiableReward(Protocol):
    """A reward with a gradient; each call looks at a fresh sample of the validation data."""

    def __call__(self, backbone: Backbone, generator: torch.Generator) -> Tensor:
        """Return the reward, a scalar attached to the backbone's parameters."""


class RankingReward:
    """A ranking metric on a fixed sample of validation users.

    Args:
        metric: the metric with its cut-off, as in "ndcg@10".
        split: where the users and their held-out items come from.
        users: how many users; all, where there are fewer.
        seed: which users.
        device: where to compute.
    """

    def __init__(self, metric: str, split: Split, *, users: int, seed: int, device: str = "cpu") -> None:
        candidates = ItemSets.of(split.valid).nonempty()
        chosen = numpy_generator(seed, "reward users").permutation(candidates)[:users]
        self.metric = metric
        seen = ItemSets.of(split.train)
        self._evaluate = Evaluator(split.valid, seen, [metric], train=split.train, users=chosen, device=device)
        self._sign = -1.0 if parse(metric)[0].lower_is_better else 1.0

    def __call__(self, backbone: Backbone) -> float:
        """Return the mean over the users, negated where lower is better; the training mode is kept."""
        training = backbone.training
        backbone.eval()
        value = self._evaluate(backbone.score).means[self.metric]
        backbone.train(training)
        return self._sign * value


class ValidationLoss:
    """Minus the backbone's mean loss on validation triplets; every user counts the same, as in a ranking metric.

    Args:
        split: where the validation interactions come from; negatives are neither trained on nor held out.
        samples: triplets a call.
        device: where to compute.
    """

    def __init__(self, split: Split, *, samples: int, device: str = "cpu") -> None:
        self._samples, self._device = samples, device
        self._sampler = TripletSampler(split.valid, exclude=[split.train])
        self._odds = torch.from_numpy(1 / split.valid.user_counts()[split.valid.user])

    def __call__(self, backbone: Backbone, generator: torch.Generator) -> Tensor:
        """Return minus the mean loss of fresh triplets."""
        rows = torch.multinomial(self._odds, self._samples, replacement=True, generator=generator)
        return -backbone.loss_per_sample(self._sampler.triplets(rows, generator).to(self._device)).mean()


class LambdaNDCG:
    """Minus the validation loss of pairs (i, j), weighted by the change in NDCG@K when i and j swap ranks.

    For a held-out item i at rank r_i and an item j, not held out, at rank r_j in the user's current ranking,

        lambda_ij = |d(r_i) - d(r_j)| / IDCG_u,    d(r) = 1/log2(r + 1) if r <= K else 0,

    each held-out item is paired with one j drawn in proportion to lambda_ij, and the loss of the triplet (u, i, j)
    weighs the sum of its item's lambdas. Ranks and weights are constants of the gradient.

    Args:
        split: where the users and their held-out items come from.
        k: the cut-off K.
        users: users a call.
        device: where to compute.
    """

    def __init__(self, split: Split, k: int, *, users: int, device: str = "cpu") -> None:
        self._truth = ItemSets.of(split.valid)
        self._seen = ItemSets.of(split.train)
        self._candidates = torch.from_numpy(self._truth.nonempty())
        self._users, self._k, self._device = users, k, device

    def __call__(self, backbone: Backbone, generator: torch.Generator) -> Tensor:
        """Return minus the mean weighted loss over the users of a fresh sample."""
        chosen = torch.randperm(len(self._candidates), generator=generator)[: self._users]
        batch, weights = self._pairs(backbone, self._candidates[chosen].numpy(), generator)
        if len(batch) == 0:
            return 0 * torch.stack([parameter.sum() for parameter in backbone.parameters()]).sum()
        return -(weights * backbone.loss_per_sample(batch)).sum() / len(chosen)

    def _pairs(self, backbone: Backbone, users: np.ndarray, generator: torch.Generator) -> tuple[Batch, Tensor]:
        """Return one pair for each held-out item of the users, and its weight, shape [P]."""
        training = backbone.training
        backbone.eval()
        ranking = top_k(backbone.score, users, self._seen, PAIRS_DEPTH * self._k, device=self._device)
        backbone.train(training)
        position, item = self._truth.cells(users)
        weights = self._lambdas(ranking, position, item)
        total = weights.sum(axis=1)
        usable = total > 0
        position, item, weights, total = position[usable], item[usable], weights[usable], total[usable]
        drawn = torch.rand(len(total), 1, generator=generator, dtype=torch.float64).numpy() * total[:, None]
        column = np.minimum((weights.cumsum(axis=1) <= drawn).sum(axis=1), weights.shape[1] - 1)
        columns = (position, users[position], item, ranking.items[position, column])
        batch = Batch(*map(torch.from_numpy, columns))
        return batch.to(self._device), torch.from_numpy(total).float().to(self._device)

    def _lambdas(self, ranking: Recommendations, position: np.ndarray, item: np.ndarray) -> np.ndarray:
        """Return lambda_ij of each held-out item against each ranked item, 0 where that is no negative: [P, depth]."""
        depth = ranking.items.shape[1]
        discounts = np.where(np.arange(depth) < self._k, 1 / np.log2(np.arange(2, depth + 2)), 0.0)
        ideal = np.cumsum(discounts)[np.minimum(self._truth.counts[ranking.users], depth) - 1]
        own_rank = ranking.items[position] == item[:, None]
        own_discount = (own_rank * discounts).sum(axis=1, keepdims=True)
        negative = (ranking.items >= 0) & ~self._truth.contains(ranking.users, ranking.items)
        return np.abs(own_discount - discounts) * negative[position] / ideal[position, None]


def is_differentiable(reward: str) -> bool:
    """Return whether a reward has a gradient.

    Raises:
        ConfigError: there is no such reward.
    """
    if reward == "bpr" or reward.startswith("lambda-ndcg@"):
        parse(reward.removeprefix("lambda-") if reward != "bpr" else "ndcg@1")
        return True
    try:
        parse(reward)
    except ConfigError as error:
        raise ConfigError(f"{error}; differentiable rewards are bpr and lambda-ndcg@K") from None
    return False


def differentiable_reward(reward: str, split: Split, *, users: int, device: str = "cpu") -> DifferentiableReward:
    """Return the differentiable reward of a name for which `is_differentiable` holds.

    Args:
        reward: "bpr" or "lambda-ndcg@K".
        split: where the validation data comes from.
        users: validation users a look; "bpr" takes ten triplets for each.
        device: where to compute.
    """
    if reward == "bpr":
        return ValidationLoss(split, samples=10 * users, device=device)
    return LambdaNDCG(split, int(reward.partition("@")[2]), users=users, device=device)
