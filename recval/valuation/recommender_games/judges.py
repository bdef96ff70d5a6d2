"""Judges: from the scores of the validation users to one number, of which more is better.

- A ranking metric such as "ndcg@10": what users see. It moves in steps, so small players often move it by nothing, and
  the values need many coalitions.
- "bpr": minus the mean of softplus(score of a negative - score of a held-out item), where negatives are items that the
  user met neither in training nor in validation, drawn once. It is smooth, so that values need fewer coalitions, and it
  depends on the scale of the scores.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from recval.errors import DataError
from recval.ranking import Evaluator, ItemSets, Scorer, parse
from recval.rng import torch_generator
from recval.training import TripletSampler
from recval.valuation.recommender_games.utilities.base import Problem

Judge = Callable[[Scorer], float]
BPR = "bpr"
_NEGATIVES = 16
"""Negatives of each validation interaction."""
_USERS_A_BLOCK = 256


def check_metric(name: str) -> None:
    """Check that there is a judge of this name.

    Raises:
        ConfigError: there is not.
    """
    if name != BPR:
        parse(name)


def judge_of(name: str, problem: Problem) -> Judge:
    """Return what judges scores.

    Args:
        name: a ranking metric, or "bpr".
        problem: whose validation part it looks at; what a user has in the training part is masked.

    Raises:
        ConfigError: there is no such metric, or it needs a field that the data lacks.
        DataError: nobody has a validation item, or for "bpr" a user has met every item.
    """
    check_metric(name)
    if len(problem.valid) == 0:
        raise DataError("coalitions are judged by validation interactions, and there are none; split some off")
    return _Loss(problem) if name == BPR else _Metric(name, problem)


class _Metric:
    """A ranking metric, negated where less is better."""

    def __init__(self, name: str, problem: Problem) -> None:
        seen = ItemSets.of(problem.train)
        self._name, self._sign = name, -1.0 if parse(name)[0].lower_is_better else 1.0
        self._evaluate = Evaluator(problem.valid, seen, [name], train=problem.train)

    def __call__(self, score: Scorer) -> float:
        return self._sign * self._evaluate(score).means[self._name]


class _Loss:
    """Minus the loss of fixed validation triplets; every user counts the same."""

    def __init__(self, problem: Problem) -> None:
        valid = problem.valid
        generator = torch_generator(problem.seed, "validation negatives")
        rows = torch.from_numpy(np.argsort(valid.user, kind="stable")).repeat_interleave(_NEGATIVES)
        sampler = TripletSampler(valid, exclude=[problem.train])
        triplets = sampler.triplets(rows, generator)
        self._users, self._place = torch.unique(triplets.user, return_inverse=True)
        self._item, self._negative = triplets.item, triplets.negative
        counts = torch.bincount(self._place).double()
        self._weight = (1 / (counts * len(self._users)))[self._place]

    def __call__(self, score: Scorer) -> float:
        losses = [self._of_block(score, start) for start in range(0, len(self._users), _USERS_A_BLOCK)]
        return -float(torch.stack(losses).sum())

    def _of_block(self, score: Scorer, start: int) -> Tensor:
        scores = score(self._users[start : start + _USERS_A_BLOCK])
        low, high = torch.searchsorted(self._place, torch.tensor([start, start + len(scores)]))
        block = slice(int(low), int(high))
        place = self._place[block] - start
        margins = scores[place, self._item[block]] - scores[place, self._negative[block]]
        return (self._weight[block] * softplus(-margins)).sum()
