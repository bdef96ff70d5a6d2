"""What callbacks have in common that choose the samples of a step by a number for each candidate."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from recval.backbones import Backbone, Batch
from recval.errors import ModelError
from recval.training import Callback, TripletSampler

Change = Callable[[Tensor], Tensor]
"""What is done to the candidates' numbers before they are chosen by: nothing, or a placebo's permutation."""


class Resampler(Callback, ABC):
    """Base of callbacks that choose samples by numbers; `recval.valuation.Shuffled` makes the placebo of any."""

    def resample(self, batch: Batch) -> Batch:
        """Return the samples that are chosen."""
        return self.choose(batch, lambda numbers: numbers)

    @abstractmethod
    def choose(self, batch: Batch, change: Change) -> Batch:
        """Return the samples that are chosen of candidates by changed numbers.

        Args:
            batch: the samples that are due.
            change: changes the numbers of the candidates, whatever their shape.
        """


def check_sample_losses(callback: Callback, backbone: Backbone) -> None:
    """Check that candidates can be compared by their losses.

    Raises:
        ModelError: the model's loss is one of the whole batch.
    """
    if not backbone.has_sample_losses:
        raise ModelError(
            f"{type(callback).__name__} compares samples by their losses, but this model's loss is one of the whole "
            "batch; choose a model with a loss per sample, such as BPR, NeuMF or LightGCN"
        )


def candidates_of(batch: Batch, number: int, sampler: TripletSampler, generator: torch.Generator) -> Batch:
    """Return each sample with so many negatives in turn, shape [B * number]; its own negative is the first.

    Args:
        batch: the samples.
        number: negatives a sample, at least 1.
        sampler: draws the further ones, uniformly.
        generator: the source of randomness.
    """
    place = torch.arange(len(batch), device=batch.row.device).repeat_interleave(number)
    user = batch.user[place]
    negative = torch.cat([batch.negative[:, None], sampler.negatives(user, generator).view(-1, number)[:, 1:]], dim=1)
    return Batch(batch.row[place], user, batch.item[place], negative.flatten())
