"""Makes a RecBole model's `calculate_loss` return one loss a sample instead of their mean."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.loss import _Loss


class PerSampleBPRLoss(nn.Module):
    """The terms that RecBole's `BPRLoss` averages: -log(gamma + sigmoid(positive - negative)).

    Reference: Rendle et al. "BPR: Bayesian Personalized Ranking from Implicit Feedback." UAI 2009.
    """

    def __init__(self, gamma: float) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, positive: Tensor, negative: Tensor) -> Tensor:
        """Return the loss of each pair of scores, in the shape of the scores."""
        return -torch.log(self.gamma + torch.sigmoid(positive - negative))


def unreduce(model: Any) -> bool:
    """Stop the loss modules of this one model from averaging; return whether it has any.

    `BPRLoss` is replaced by its per-sample twin, torch's losses are switched to `reduction="none"`. What a model adds
    to its loss besides, such as a regulariser, stays a scalar and so is added to every sample.

    A model that clusters its embeddings between epochs (NCL's expectation step) counts as having none: only its own
    trainer can train it.
    """
    from recbole.model.loss import BPRLoss

    found = False
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is BPRLoss:
                setattr(parent, name, PerSampleBPRLoss(child.gamma))
                found = True
            elif isinstance(child, _Loss) and child.reduction == "mean":
                child.reduction = "none"
                found = True
    return found and not hasattr(model, "e_step")
