"""Valuation: which interactions help, which harm, and training on what they are worth."""

from recval.valuation.dvr import DVR
from recval.valuation.dvr_settings import DVRSettings
from recval.valuation.harsanyi import HarsanyiESP
from recval.valuation.valuator import Valuator, mean_one
from recval.valuation.values import Values
from recval.valuation.weighting import Balanced, ReweightedLoss, Shuffled, TruncatedLoss, Uniform

__all__ = [
    "DVR",
    "Balanced",
    "DVRSettings",
    "HarsanyiESP",
    "ReweightedLoss",
    "Shuffled",
    "TruncatedLoss",
    "Uniform",
    "Valuator",
    "Values",
    "mean_one",
]
