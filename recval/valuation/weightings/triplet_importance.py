"""TIL: the importance of each training triplet, learnt by the training loss alone, without validation data.

The network of `recval.valuation.weightings.learned_weights` weighs [e_u, e_i, e_j]. It learns from the gradient of an
outer loss L, the plain loss of other training triplets, after the weighted step theta' = theta - (eta / B) sum_m w_m
grad l_m: to first order in the step,

    L(theta') = L(theta) + sum_m w_m dL/dw_m,    dL/dw_m = -(eta / B) <grad L, grad l_m>.

Source: Wu et al., "Adapting Triplet Importance of Implicit Feedback for Personalized Recommendation" (TIL), CIKM 2022
(arXiv 2208.01709), its bilevel training. Different from the authors' code: the outer triplets are drawn afresh from the
training part instead of being the batch's own, at most one in the batch by chance; the step is Adam's, not one of
gradient descent; the gradient of L is taken before it; the network sees the three vectors instead of their products
with each other and with the mean of the user's items; weights are scaled to mean 1.

Cost: every `interval` steps one forward and backward pass of the outer batch and two more backward passes of the batch,
about 3 more steps; memory for a second graph of the batch.
"""

from __future__ import annotations

import torch
from torch import Tensor

from recval.adapter.meta_gradient import preconditioned, reward_gains
from recval.rng import torch_generator
from recval.valuation.weightings.learned_weights import LearnedWeights


class TripletImportance(LearnedWeights):
    """TIL's learnt triplet importance; its values are the mean importance over training.

    Args:
        **settings: see `LearnedWeightsSettings`.
    """

    inputs = ("user", "item", "negative")

    def before_epoch(self, epoch: int) -> None:
        """Derive the epoch's outer triplets."""
        sampler = self._loop.sampler
        self._generator = torch_generator(self._loop.seed, "outer", epoch, device=sampler.user.device)

    def outer_loss(self, weights: Tensor, losses: Tensor) -> Tensor:
        """Return the part of the outer loss after the step that depends on the weights, in standard deviations."""
        loop = self._loop
        rows = loop.backbone.rows
        n_rows = len(loop.sampler.user) if rows is None else len(rows)
        drawn = torch.randint(n_rows, (len(losses),), generator=self._generator, device=loop.sampler.user.device)
        outer = loop.sampler.triplets(drawn if rows is None else rows[drawn], self._generator)
        reward = -loop.backbone.loss_per_sample(outer).mean()
        parameters = list(loop.backbone.parameters())
        gains = reward_gains(losses, reward, parameters, preconditioned(self._model_optimizer))
        spread = gains.std(correction=0)
        return -(weights * torch.where(spread > 0, gains / spread, 0.0)).mean()
