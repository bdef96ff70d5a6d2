"""A placebo: all samples weigh 1, by the way that a valuator's weights go. It must give what plain training gives."""

from __future__ import annotations

import torch
from torch import Tensor

from recval.backbones import Batch
from recval.training import Callback


class Uniform(Callback):
    """All samples weigh 1."""

    def weigh(self, batch: Batch, losses: Tensor) -> Tensor:
        """Return ones, shape [B]."""
        return torch.ones_like(losses)
