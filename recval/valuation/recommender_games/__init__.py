"""Games of a recommender: players own training interactions, and a coalition is worth what its rows teach.

`Players` says who owns what, a utility what learns from the rows that are kept, and `RecommenderGame` joins both to a
game that any estimator of `recval.games` plays.
"""

from recval.valuation.recommender_games.game import RecommenderGame
from recval.valuation.recommender_games.grouping import (
    AnyGrouping,
    Clusters,
    FieldGroups,
    Grouping,
    OneEach,
    RandomGroups,
)
from recval.valuation.recommender_games.players import Players
from recval.valuation.recommender_games.utilities import (
    Als,
    AnyUtility,
    Ease,
    FineTune,
    Learner,
    Neighbours,
    Problem,
    Retrain,
    Utility,
)

__all__ = [
    "Als",
    "AnyGrouping",
    "AnyUtility",
    "Clusters",
    "Ease",
    "FieldGroups",
    "FineTune",
    "Grouping",
    "Learner",
    "Neighbours",
    "OneEach",
    "Players",
    "Problem",
    "RandomGroups",
    "RecommenderGame",
    "Retrain",
    "Utility",
]
