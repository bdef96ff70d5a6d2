"""A backbone that is trained from scratch on the kept rows: what a coalition is worth to the model itself.

It is the utility that all others stand in for, and the dearest: an evaluation is a training. Take clusters for players.
Early stopping goes by the whole validation part, which the coalition is judged by as well, as it is in a recipe.

Seeds. By default each coalition is trained with the same seed (common random numbers): its initial weights and the
order of its samples are drawn alike, so that a marginal contribution shows less of the luck of a training. The values
then are those of this seed; what another would change is not in the standard error. With `seeds: own` each coalition
has a seed of its own, drawn from the seed and from what it keeps: the luck of training is spread over the coalitions,
averages out and counts in the standard error, and more rounds are needed.
"""

from __future__ import annotations

import hashlib
from typing import ClassVar, Literal

import numpy as np

from recval.backbones import build
from recval.data import Split
from recval.ranking import ItemSets, Scorer
from recval.rng import derive
from recval.training import Loop
from recval.valuation.recommender_games.utilities.base import Learner, Mask, Problem, Utility


class Retrain(Utility):
    """Training from scratch, of the recipe's model and as its settings say.

    Attributes:
        seeds: whether all coalitions are trained with a common seed, or each with its own.
    """

    kind: Literal["retrain"] = "retrain"
    seeds: Literal["common", "own"] = "common"
    batch_size: ClassVar[int] = 4

    def prepare(self, problem: Problem) -> Learner:
        """Return the learner."""
        return RetrainLearner(problem, self.seeds)


class RetrainLearner(Learner):
    """Trains a backbone from scratch."""

    def __init__(self, problem: Problem, seeds: Literal["common", "own"]) -> None:
        self._problem = problem
        self._has_own_seeds = seeds == "own"
        self._masked = ItemSets.of(problem.train)

    def learn(self, kept: Mask) -> Scorer:
        """Return the scorer of the trained backbone."""
        problem = self._problem
        seed = derive(problem.seed, _digest(kept)) if self._has_own_seeds else problem.seed
        train = problem.train if kept.all() else problem.train.take(kept)
        backbone = build(problem.model, train, problem.parameters, device=problem.training.device, seed=seed)
        if backbone.needs_training:
            split = Split(train, problem.valid, problem.valid.take(np.arange(0)))
            Loop(backbone, split, problem.training, seed=seed, masked=self._masked).fit()
        return backbone.eval().score


def _digest(kept: Mask) -> str:
    return hashlib.blake2b(np.packbits(kept).tobytes(), digest_size=8).hexdigest()
