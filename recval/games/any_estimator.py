"""What a recipe may name as its estimator."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from recval.games.estimators.control_variates import ControlVariates
from recval.games.estimators.kernel_shap import KernelSHAP
from recval.games.estimators.truncated import Truncated
from recval.games.samplers import AnySampler

AnyEstimator = Annotated[AnySampler | KernelSHAP | Truncated | ControlVariates, Field(discriminator="kind")]
"""An estimator in a recipe."""
