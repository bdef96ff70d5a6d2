"""Utilities: what learns from the rows that a coalition keeps.

| kind | what it is | one evaluation on ml-100k |
|---|---|---|
| `ease` | exact, by updates where coalitions differ by few users | that of ranking its scores |
| `neighbours` | item k-NN; sparse | a sparse product |
| `als` | matrix factorisation, a few exact sweeps | some small systems of equations a user |
| `fine-tune` | a few steps of any model of factors | a share of a training |
| `retrain` | any model | a training |
"""

from typing import Annotated

from pydantic import Field

from recval.valuation.recommender_games.utilities.als import Als
from recval.valuation.recommender_games.utilities.base import Learner, Problem, Utility
from recval.valuation.recommender_games.utilities.ease import Ease
from recval.valuation.recommender_games.utilities.fine_tune import FineTune
from recval.valuation.recommender_games.utilities.neighbours import Neighbours
from recval.valuation.recommender_games.utilities.retrain import Retrain

AnyUtility = Annotated[Als | Ease | FineTune | Neighbours | Retrain, Field(discriminator="kind")]
"""A utility in a recipe."""

__all__ = ["Als", "AnyUtility", "Ease", "FineTune", "Learner", "Neighbours", "Problem", "Retrain", "Utility"]
