"""The batches in which training interactions are valued after training: fresh order and negatives for each estimate.

They follow from the seed and the number of the estimate alone, so that a value can be looked into later, in the very
batch that it was estimated in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from recval.adapter.observation import Input, Observer
from recval.backbones import Backbone, Batch
from recval.rng import torch_generator
from recval.training import TripletSampler


def estimate_batches(
    sampler: TripletSampler, batch_size: int, seed: int, draw: int, rows: Tensor | None
) -> Iterator[Batch]:
    """Yield the batches of one estimate; each sample is in one of them.

    Args:
        sampler: draws the samples.
        batch_size: samples a batch; the last may be smaller.
        seed: that of training.
        draw: which estimate, from 0.
        rows: the rows of the training table that are samples; see `recval.backbones.Backbone`.
    """
    return sampler.epoch(batch_size, torch_generator(seed, "values", draw, device=sampler.user.device), rows)


@torch.no_grad()
def observe(backbone: Backbone, observer: Observer, batch: Batch) -> Tensor:
    """Return what is observed of samples after training, shape [B, F], without a graph.

    Args:
        backbone: the trained model, in evaluation mode.
        observer: observes samples of that model.
        batch: the samples.
    """
    return observer(batch, seen_losses(backbone, observer.inputs, batch))


@torch.no_grad()
def seen_losses(backbone: Backbone, inputs: Sequence[Input], batch: Batch) -> Tensor:
    """Return the loss of each sample, shape [B], without a graph; zeros where it is not among the inputs."""
    return backbone.loss_per_sample(batch) if "loss" in inputs else torch.zeros(len(batch), device=batch.user.device)
