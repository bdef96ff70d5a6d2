"""Plain training, and the ranking of the interactions by their losses: the signal of T-CE, without acting on it.

Source: what is large-loss and so taken for noise in Wang et al., "Denoising Implicit Feedback for Recommendation",
WSDM 2021 (arXiv 2006.04153), section 3.
"""

from __future__ import annotations

from recval.valuation.weightings.loss_values import LossValued


class LossRanking(LossValued):
    """Weighs nothing, and values each interaction by minus its mean loss in the end; see `LossValued`.

    Args:
        **settings: see `LossValueSettings`.
    """
