"""A placebo: a method's own numbers, given to the wrong samples of the batch: weights, or what samples are drawn by.

What it gains over plain training is owed to uneven weights, or to uneven draws, as such, not to knowing which sample is
worth more.

One limit: a weighting that learns from what the actual step does, DVR with `rollouts=1` and so `dvrl`, is credited for
the selection that it drew, while another one, the permuted one, was trained on. It then learns from noise, so that its
weights are a placebo of the right shape at best, not those of the method. All others learn from the batch as it is.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from recval.backbones import Backbone, Batch
from recval.data import Split
from recval.rng import torch_generator
from recval.training import Callback, Loop
from recval.valuation.resampler import Resampler


class Shuffled(Callback):
    """Another callback's weights, permuted at random within each batch.

    Of a `Resampler`, the numbers that it draws by are permuted among the candidates instead; its weights, which belong
    to the draw, stay as they are.

    Args:
        weighting: the callback whose weights or draws are permuted; it learns as ever, but is not asked for values.
    """

    def __init__(self, weighting: Callback) -> None:
        self.weighting = weighting

    def check(self, backbone: Backbone, split: Split) -> None:
        """Check the weighting."""
        self.weighting.check(backbone, split)

    def before_fit(self, loop: Loop) -> None:
        """Prepare the weighting."""
        self._seed = loop.seed
        self.weighting.before_fit(loop)

    def before_epoch(self, epoch: int) -> None:
        """Derive the epoch's permutations."""
        self._generator = torch_generator(self._seed, "shuffle", epoch)
        self.weighting.before_epoch(epoch)

    def resample(self, batch: Batch) -> Batch:
        """Return what the other takes; a `Resampler`, by its numbers in random order."""
        if isinstance(self.weighting, Resampler):
            return self.weighting.choose(batch, self._permuted)
        return self.weighting.resample(batch)

    def weigh(self, batch: Batch, losses: Tensor) -> Tensor | None:
        """Return the weighting's weights in random order, shape [B]; those of a `Resampler` in their own."""
        weights = self.weighting.weigh(batch, losses)
        return weights if weights is None or isinstance(self.weighting, Resampler) else self._permuted(weights)

    def after_step(self) -> None:
        """Pass the hook on."""
        self.weighting.after_step()

    def after_epoch(self, epoch: int) -> None:
        """Pass the hook on."""
        self.weighting.after_epoch(epoch)

    def after_validation(self, epoch: int, metrics: dict[str, float]) -> None:
        """Pass the hook on."""
        self.weighting.after_validation(epoch, metrics)

    def state_dict(self) -> dict[str, Any]:
        """Return the weighting's state."""
        return self.weighting.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the weighting's state."""
        self.weighting.load_state_dict(state)

    def _permuted(self, numbers: Tensor) -> Tensor:
        """Return the entries of a tensor in random order, in its shape."""
        order = torch.randperm(numbers.numel(), generator=self._generator).to(numbers.device)
        return numbers.flatten()[order].view_as(numbers)
