"""Rivals that choose the negative items of the samples by what is known beforehand: popularity, or the model's scores.

- `PopularityNegatives`: negatives in proportion to a power of their popularity. Popular items are pushed down more.
- `HardNegatives`: of several uniform candidates the one that the model scores highest. Most random negatives are learnt
  soon and teach nothing more; hard ones go on to, and false ones (what the user would like) are among them.

Neither takes a user's training positives. They work with any model whose loss is one of triplets.

Sources: Mikolov et al., "Distributed Representations of Words and Phrases", NIPS 2013, for the power 3/4; Rendle and
Freudenthaler, "Improving Pairwise Learning for Item Recommendation from Implicit Feedback", WSDM 2014; Zhang, Chen,
Wang and Yu, "Optimizing Top-N Collaborative Filtering via Dynamic Negative Item Sampling" (DNS), SIGIR 2013.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from pydantic import Field
from torch import Tensor

from recval.adapter.rewards.validation import evaluating
from recval.backbones import Backbone, Batch
from recval.data import Split
from recval.declarations import Declaration
from recval.rng import torch_generator
from recval.training import Loop
from recval.valuation.resampler import Change, Resampler, candidates_of, check_sample_losses
from recval.valuation.weightings.configured import Configured


class PopularityNegativesSettings(Declaration):
    """The settings of `PopularityNegatives`.

    Attributes:
        exponent: the power of the popularity; 0 draws all items alike.
    """

    exponent: float = Field(0.75, ge=-2, le=2)


class PopularityNegatives(Configured):
    """An item is a negative with odds max(its training interactions, 1)^exponent.

    Args:
        **settings: see `PopularityNegativesSettings`.
    """

    settings: PopularityNegativesSettings

    def before_fit(self, loop: Loop) -> None:
        """Count the items' training interactions."""
        self._loop = loop
        counts = torch.from_numpy(loop.split.train.item_counts()).to(loop.settings.device)
        self._odds = counts.clamp(min=1).double() ** self.settings.exponent

    def before_epoch(self, epoch: int) -> None:
        """Derive the epoch's negatives."""
        self._generator = torch_generator(self._loop.seed, "popularity", epoch, device=self._odds.device)

    def resample(self, batch: Batch) -> Batch:
        """Return the samples with other negatives."""
        return replace(batch, negative=self._loop.sampler.negatives(batch.user, self._generator, self._odds))


class HardNegativesSettings(Declaration):
    """The settings of `HardNegatives`.

    Attributes:
        candidates: uniform negatives of which the highest scored is taken; 1 is plain training.
    """

    candidates: int = Field(5, ge=1)


class HardNegatives(Configured, Resampler):
    """Of several negatives the one whose sample has the highest loss: in a pairwise loss, the one scored highest.

    Cost: a forward pass of `candidates` samples for each sample.

    Args:
        **settings: see `HardNegativesSettings`.
    """

    settings: HardNegativesSettings

    def check(self, backbone: Backbone, split: Split) -> None:
        """Refuse a model without losses per sample."""
        check_sample_losses(self, backbone)

    def before_fit(self, loop: Loop) -> None:
        """Begin anew.

        Raises:
            ModelError: the model has no losses per sample.
        """
        check_sample_losses(self, loop.backbone)
        self._loop = loop

    def before_epoch(self, epoch: int) -> None:
        """Derive the epoch's candidates."""
        self._generator = torch_generator(self._loop.seed, "hard", epoch, device=self._loop.sampler.user.device)

    def choose(self, batch: Batch, change: Change) -> Batch:
        """Return each sample with its hardest negative."""
        number = self.settings.candidates
        candidates = candidates_of(batch, number, self._loop.sampler, self._generator)
        hardest = change(self._losses(candidates)).view(-1, number).argmax(dim=1)
        return candidates[torch.arange(len(batch), device=hardest.device) * number + hardest]

    @torch.no_grad()
    def _losses(self, samples: Batch) -> Tensor:
        with evaluating(self._loop.backbone) as backbone:
            return backbone.loss_per_sample(samples)
