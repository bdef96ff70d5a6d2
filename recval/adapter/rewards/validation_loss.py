"""bpr: minus the backbone's own loss on validation triplets."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from recval.adapter.rewards.validation import check_validation
from recval.backbones import Backbone
from recval.data import Split
from recval.training import TripletSampler


class ValidationLoss:
    """Minus the backbone's mean loss on validation triplets; every user counts the same, as in a ranking metric.

    Args:
        split: where the validation interactions come from; negatives are neither trained on nor held out.
        samples: triplets a call.
        device: where to compute.

    Raises:
        DataError: nobody has a validation item, or a user has met every item.
    """

    def __init__(self, split: Split, *, samples: int, device: str = "cpu") -> None:
        check_validation(split)
        self._samples, self._device = samples, device
        self._sampler = TripletSampler(split.valid, exclude=[split.train])
        self._odds = torch.from_numpy(1 / split.valid.user_counts()[split.valid.user])

    def __call__(self, backbone: Backbone, generator: torch.Generator) -> Tensor:
        """Return minus the mean loss of fresh triplets."""
        rows = torch.multinomial(self._odds, self._samples, replacement=True, generator=generator)
        triplets = replace(self._sampler.triplets(rows, generator), row=torch.full_like(rows, -1))
        return -backbone.loss_per_sample(triplets.to(self._device)).mean()
