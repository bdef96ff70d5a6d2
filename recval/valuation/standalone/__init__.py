"""Valuators that stand alone: they need no part in a training, or run trainings of their own."""

from recval.valuation.standalone.als_leave_one_out import AlsLeaveOneOut
from recval.valuation.standalone.base import StandaloneValuator, Valued, Valuing
from recval.valuation.standalone.coalitions import CoalitionValuator
from recval.valuation.standalone.ease_leave_one_out import EaseLeaveOneOut
from recval.valuation.standalone.least_core import LeastCoreValuator
from recval.valuation.standalone.neighbours import KNNShapley
from recval.valuation.standalone.out_of_bag import DataOOB

__all__ = [
    "AlsLeaveOneOut",
    "CoalitionValuator",
    "DataOOB",
    "EaseLeaveOneOut",
    "KNNShapley",
    "LeastCoreValuator",
    "StandaloneValuator",
    "Valued",
    "Valuing",
]
