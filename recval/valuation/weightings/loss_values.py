"""What the losses at the end of training tell of each interaction: a low one is easy to learn, a high one may be noise.

It is the signal that loss-based denoising goes by, and it is free: any valuator has to find more than it does.
"""

from __future__ import annotations

import torch
from pydantic import Field

from recval.backbones import Backbone
from recval.data import Split
from recval.declarations import Declaration
from recval.errors import ModelError
from recval.games.values import Values
from recval.rng import isolated, torch_generator
from recval.training import Loop
from recval.valuation.weightings.configured import Configured
from recval.valuation.weightings.interaction_means import InteractionMeans


class LossValueSettings(Declaration):
    """The settings of every callback whose values are losses.

    Attributes:
        draws: negatives that each interaction's loss is averaged over.
    """

    draws: int = Field(4, ge=2)


class LossValued(Configured):
    """Base of callbacks whose values are minus the losses of the model in the end.

    Attributes:
        values: after training, minus the mean loss of each training interaction over fresh negatives, with the
            parameters of the best epoch and without dropout. An interaction that is no sample of the model, such as
            the first of a user in a sequential model, has the mean of the others.
    """

    settings: LossValueSettings
    values: Values | None = None

    def check(self, backbone: Backbone, split: Split) -> None:
        """Refuse a model without losses per sample."""
        if not backbone.has_sample_losses:
            raise ModelError(
                f"{type(self).__name__} ranks interactions by their losses, but this model's loss is one of the whole "
                "batch; choose a model with a loss per sample, such as BPR, NeuMF or LightGCN"
            )

    def before_fit(self, loop: Loop) -> None:
        """Begin anew.

        Raises:
            ModelError: the model has no losses per sample.
        """
        self.check(loop.backbone, loop.split)
        self._loop, self.values = loop, None

    @torch.no_grad()
    def after_fit(self) -> None:
        """Value the training interactions, at the cost of `draws` epochs of losses without gradients."""
        loop = self._loop
        means = InteractionMeans(loop.split.train, loop.sampler.user.device)
        for draw in range(self.settings.draws):
            generator = torch_generator(loop.seed, "values", draw, device=loop.sampler.user.device)
            with isolated(loop.seed, "values", draw):
                for batch in loop.sampler.epoch(loop.settings.batch_size, generator, loop.backbone.rows):
                    means.add(batch.row, -loop.backbone.loss_per_sample(batch))
        self.values = means.values()
