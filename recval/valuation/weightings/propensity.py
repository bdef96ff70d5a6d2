"""Inverse propensity: what is seen less weighs more, or what is seen more, by the counts alone.

An interaction with an item of n_i training interactions was observed with propensity (n_i / max n)^eta; weighing by its
inverse makes the loss that of items seen alike. A negative eta weighs popular items more.

Sources: Yang et al., "Unbiased Offline Recommender Evaluation for Missing-Not-At-Random Implicit Feedback", RecSys
2018, for popularity as propensity; Saito, "Unbiased Pairwise Learning from Biased Implicit Feedback" (UBPR), ICTIR
2020, for its power and for clipping. UBPR also gives pairs whose negative is an unlabelled positive a weight; here a
sample weighs by its positive item alone.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from recval.backbones import Batch
from recval.declarations import Declaration
from recval.games.values import Values
from recval.training import Loop
from recval.valuation.valuator import mean_one
from recval.valuation.weightings.configured import Configured
from recval.valuation.weightings.interaction_means import InteractionMeans


class PropensitySettings(Declaration):
    """The settings of `Propensity`.

    Attributes:
        eta: the power of the popularity; 0 weighs all samples alike, a negative one popular items more.
        clip: the largest inverse propensity.
    """

    eta: float = Field(0.5, ge=-2, le=2)
    clip: float = Field(10.0, ge=1)


class Propensity(Configured):
    """A sample weighs min((n_i / max n)^-eta, clip), n_i the training interactions of its item; scaled to mean 1.

    Args:
        **settings: see `PropensitySettings`.

    Attributes:
        values: after training, the weights of the training interactions, mean 1.
    """

    settings: PropensitySettings
    values: Values | None = None

    def before_fit(self, loop: Loop) -> None:
        """Count the items' training interactions."""
        self._loop, self.values = loop, None
        counts = torch.from_numpy(loop.split.train.item_counts()).to(loop.settings.device).clamp(min=1).float()
        self._weights = ((counts / counts.max()) ** -self.settings.eta).clamp(max=self.settings.clip)

    def weigh(self, batch: Batch, losses: Tensor) -> Tensor:
        """Return the weights, mean 1, shape [B]."""
        return mean_one(self._weights[batch.item])

    def after_fit(self) -> None:
        """Value the training interactions by their weights."""
        items = self._loop.sampler.item
        means = InteractionMeans(self._loop.split.train, items.device)
        means.add(torch.arange(len(items), device=items.device), mean_one(self._weights[items]))
        self.values = means.values()
