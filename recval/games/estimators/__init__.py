"""Estimators of semi-values, beyond the plain samplers, and the least core."""

from recval.games.estimators.base import Draw, Estimator, Made, Rounds, Sampler
from recval.games.estimators.control_variates import ControlVariates
from recval.games.estimators.kernel_shap import KernelSHAP
from recval.games.estimators.least_core import LeastCore, LeastCorePayoffs, least_core
from recval.games.estimators.truncated import Truncated

__all__ = [
    "ControlVariates",
    "Draw",
    "Estimator",
    "KernelSHAP",
    "LeastCore",
    "LeastCorePayoffs",
    "Made",
    "Rounds",
    "Sampler",
    "Truncated",
    "least_core",
]
