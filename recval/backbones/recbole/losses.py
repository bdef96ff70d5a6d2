"""Makes a RecBole model's `calculate_loss` return one loss a sample instead of their mean."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.loss import _Loss

OF_THE_BATCH = {
    "BERT4Rec": "its samples are masked items, not interactions",
    "FEARec": "it contrasts the samples of a batch",
    "GRU4RecCPR": "it averages in its own code",
    "KTUP": "it trains on interactions and on triples in turn",
    "MKR": "it averages in its own code",
    "NCL": "it contrasts the samples of a batch",
    "S3Rec": "it is pre-trained on whole sequences",
    "SASRecCPR": "it averages in its own code",
    "SGL": "it sums over the batch in its own code",
}
"""The models whose loss is one of the whole batch although they hold loss modules of torch's or RecBole's, and why."""


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


class PerSampleSummedLoss(nn.Module):
    """The terms that ConvNCF's loss sums, times their number, so that their mean is the sum that it trains on."""

    def forward(self, positive: Tensor, negative: Tensor) -> Tensor:
        """Return the loss of each pair of scores, shape [B]."""
        return len(positive) * functional.softplus(negative - positive)


class PerSampleSigmoidLoss(nn.Module):
    """The terms that LINE's loss averages: -log(sigmoid(sign * score))."""

    def forward(self, sign: Tensor, score: Tensor) -> Tensor:
        """Return the loss of each score, shape [B]."""
        return -functional.logsigmoid(sign * score)


class PerSampleInnerProductLoss(nn.Module):
    """The terms that CFKG's loss averages, over (user, item, negative) first and then over triples of entities."""

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """Return the loss of each row, shape [B]."""
        return functional.softplus(-(anchor * positive).sum(1)) + functional.softplus((anchor * negative).sum(1))


def unreduce(model: Any) -> bool:
    """Stop the loss modules of this one model from averaging; return whether it has any.

    RecBole's own are replaced by their per-sample twins, torch's are switched to `reduction="none"`. What a model adds
    to its loss besides, such as a regulariser, stays a scalar and so is added to every sample. A model in
    `OF_THE_BATCH` is left as it is.
    """
    if any(base.__name__ in OF_THE_BATCH for base in type(model).__mro__):
        return False
    found = False
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if (twin := _twin(child)) is not None:
                setattr(parent, name, twin)
                found = True
            elif isinstance(child, _Loss) and child.reduction == "mean":
                child.reduction = "none"
                found = True
        for name, value in list(vars(parent).items()):
            if value is functional.nll_loss or value is functional.cross_entropy:
                setattr(parent, name, partial(value, reduction="none"))
                found = True
    return found


def _twin(loss: nn.Module) -> nn.Module | None:
    """Return the per-sample twin of a loss module of RecBole's."""
    match f"{type(loss).__module__}.{type(loss).__name__}":
        case "recbole.model.loss.BPRLoss":
            return PerSampleBPRLoss(loss.gamma)  # type: ignore[arg-type]
        case "recbole.model.general_recommender.convncf.ConvNCFBPRLoss":
            return PerSampleSummedLoss()
        case "recbole.model.general_recommender.line.NegSamplingLoss":
            return PerSampleSigmoidLoss()
        case "recbole.model.knowledge_aware_recommender.cfkg.InnerProductLoss":
            return PerSampleInnerProductLoss()
    return None
