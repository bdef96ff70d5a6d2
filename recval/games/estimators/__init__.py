"""Estimators of semi-values, beyond the plain samplers."""

from recval.games.estimators.base import Estimator, Made, Rounds
from recval.games.estimators.control_variates import ControlVariates
from recval.games.estimators.kernel_shap import KernelSHAP
from recval.games.estimators.truncated import Truncated

__all__ = ["ControlVariates", "Estimator", "KernelSHAP", "Made", "Rounds", "Truncated"]
