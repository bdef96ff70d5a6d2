"""Implicit ALS: a few exact sweeps from factors that all coalitions start from.

The initial factors of the items follow from the seed alone, so nothing is random between two coalitions; a user is
scored by factors that are solved for from its own kept rows. A matrix factorisation for catalogues of any size; on
small ones EASE is as good and cheaper. See `recval.backbones.als`.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from recval.backbones import build
from recval.ranking import Scorer
from recval.valuation.recommender_games.utilities.base import Learner, Mask, Problem, Utility


class Als(Utility):
    """Implicit ALS.

    Attributes:
        n_factors: the length of the vectors.
        alpha: how much more an interaction weighs than its absence.
        regularisation: the weight of the squared factors.
        sweeps: how many times users and items are solved for; the users once more in the end.
    """

    kind: Literal["als"] = "als"
    n_factors: int = Field(32, ge=1)
    alpha: float = Field(2.0, gt=0, allow_inf_nan=False)
    regularisation: float = Field(30.0, gt=0, allow_inf_nan=False)
    sweeps: int = Field(3, ge=1)
    batch_size: ClassVar[int] = 64

    def prepare(self, problem: Problem) -> Learner:
        """Return the learner."""
        return AlsLearner(problem, self)


class AlsLearner(Learner):
    """Implicit ALS on parts of the training interactions."""

    def __init__(self, problem: Problem, settings: Als) -> None:
        self._problem, self._parameters = problem, settings.model_dump(exclude={"kind"})

    def learn(self, kept: Mask) -> Scorer:
        """Return the scorer of one mask."""
        return build("ALS", self._problem.train.take(kept), self._parameters, seed=self._problem.seed).score
