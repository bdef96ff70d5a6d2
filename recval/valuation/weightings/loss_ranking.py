"""Plain training, and the ranking of the interactions by their losses: the signal of T-CE, without acting on it.

Source: what is large-loss and so taken for noise in Wang et al., "Denoising Implicit Feedback for Recommendation",
WSDM 2021 (arXiv 2006.04153), section 3.
"""

from __future__ import annotations

from typing import Any

from recval.declarations import validate
from recval.valuation.weightings.loss_values import LossValued, LossValueSettings


class LossRanking(LossValued):
    """Weighs nothing, and values each interaction by minus its mean loss in the end; see `LossValued`.

    Args:
        **settings: see `LossValueSettings`.

    Raises:
        ConfigError: a setting is unknown or out of its range.
    """

    def __init__(self, **settings: Any) -> None:
        self.settings = validate(settings, LossValueSettings)
