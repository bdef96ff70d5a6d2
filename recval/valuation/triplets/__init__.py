"""Triplet Shapley: what training triplets (user, positive, negative) are worth, and training on those worth most.

- `TripletGame`: triplets as players; `taylor_game`, `taylor_values`: its second-order expansion.
- `TripletShapley`: the callback that resamples by predicted values.
- `PopularityNegatives`, `HardNegatives`: rivals that choose negatives without values.
"""

from recval.valuation.triplets.game import TripletGame
from recval.valuation.triplets.negatives import (
    HardNegatives,
    HardNegativesSettings,
    PopularityNegatives,
    PopularityNegativesSettings,
)
from recval.valuation.triplets.resampling import TripletShapley, TripletShapleySettings
from recval.valuation.triplets.taylor import taylor_game, taylor_values

__all__ = [
    "HardNegatives",
    "HardNegativesSettings",
    "PopularityNegatives",
    "PopularityNegativesSettings",
    "TripletGame",
    "TripletShapley",
    "TripletShapleySettings",
    "taylor_game",
    "taylor_values",
]
