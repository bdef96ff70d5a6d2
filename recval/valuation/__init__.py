"""Valuation: which interactions help, which harm, and training on what they are worth."""

from recval.valuation.dvr import DVR
from recval.valuation.dvr_settings import DVRSettings
from recval.valuation.networks import Additive, BatchGame, HarsanyiESP, HarsanyiSlots
from recval.valuation.triplets import HardNegatives, PopularityNegatives, TripletShapley
from recval.valuation.valuator import Valuator, mean_one
from recval.valuation.weightings import (
    Balanced,
    GradientMatching,
    Influence,
    InRun,
    LossRanking,
    Propensity,
    ReweightedLoss,
    SelfPaced,
    Shuffled,
    TripletImportance,
    TruncatedLoss,
    Uniform,
    dvrl,
)

__all__ = [
    "DVR",
    "Additive",
    "Balanced",
    "BatchGame",
    "DVRSettings",
    "GradientMatching",
    "HardNegatives",
    "HarsanyiESP",
    "HarsanyiSlots",
    "InRun",
    "Influence",
    "LossRanking",
    "PopularityNegatives",
    "Propensity",
    "ReweightedLoss",
    "SelfPaced",
    "Shuffled",
    "TripletImportance",
    "TripletShapley",
    "TruncatedLoss",
    "Uniform",
    "Valuator",
    "dvrl",
    "mean_one",
]
