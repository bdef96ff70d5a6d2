"""BOD-style weights: the gradient of the weighted training loss is to point where the validation reward rises.

The network of `recval.valuation.weightings.learned_weights` weighs [e_u, e_i]. It lowers the distance between

    G(w) = (1 / B) sum_m w_m grad l_m    and    T = -grad M,

with M a differentiable reward on validation data, over all parameters at once: "cosine" 1 - <G, T> / (|G| |T|), or "l2"
|G - T|^2 / |T|^2.

Source: Wang et al., "Efficient Bi-Level Optimization for Recommendation Denoising" (BOD), KDD 2023 (arXiv 2210.10321),
its weight generator and its one-step gradient matching. Different from the authors' code: they use no validation data,
but match the gradient of the weighted BPR loss with that of a weighted alignment loss on the same training samples, by
the cosine of each dimension of the tables; their generator is a variational auto-encoder that is trained in turns with
the model, epoch by epoch, and they also add a uniformity loss to training.

Cost: every `interval` steps the reward's forward and backward pass and two more backward passes of the batch, about 3
more steps; memory for a second graph of the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from recval.adapter.derivatives import gradient
from recval.backbones import Backbone
from recval.data import Split
from recval.rng import torch_generator
from recval.training import Loop
from recval.valuation.weightings.learned_weights import LearnedWeights, LearnedWeightsSettings
from recval.valuation.weightings.outer_reward import OuterReward, check_outer_reward, outer_reward

_TINY = 1e-18


class GradientMatchingSettings(LearnedWeightsSettings):
    """The settings of `GradientMatching`.

    Attributes:
        reward: a differentiable reward; see `recval.adapter.rewards`.
        users: validation users a look.
        distance: how gradients are compared.
    """

    reward: OuterReward = "bpr"
    users: int = Field(128, ge=1)
    distance: Literal["cosine", "l2"] = "cosine"


class GradientMatching(LearnedWeights):
    """BOD-style weights by gradient matching; its values are the mean weights over training.

    Args:
        **settings: see `GradientMatchingSettings`.
    """

    inputs = ("user", "item")
    settings: GradientMatchingSettings

    def check(self, backbone: Backbone, split: Split) -> None:
        """Refuse a model that the network cannot weigh for, and a reward that cannot be computed."""
        super().check(backbone, split)
        check_outer_reward(self.settings.reward, backbone, split, self.settings.users)

    def before_fit(self, loop: Loop) -> None:
        """Prepare the network and the reward."""
        super().before_fit(loop)
        self._reward = outer_reward(self.settings.reward, loop, self.settings.users)

    def before_epoch(self, epoch: int) -> None:
        """Derive the epoch's validation samples."""
        self._generator = torch_generator(self._loop.seed, "outer", epoch)

    def outer_loss(self, weights: Tensor, losses: Tensor) -> Tensor:
        """Return the distance of the weighted training gradient from the reward's."""
        backbone = self._loop.backbone
        parameters = list(backbone.parameters())
        towards = gradient(-self._reward(backbone, self._generator), parameters)
        found = torch.autograd.grad(
            losses, parameters, grad_outputs=weights / len(losses), create_graph=True, allow_unused=True
        )
        ours = [torch.zeros_like(to) if part is None else part for part, to in zip(found, towards, strict=True)]
        if self.settings.distance == "l2":
            differences = [part - to for part, to in zip(ours, towards, strict=True)]
            return _square(differences) / _square(towards)
        inner = torch.stack([(part * to).sum() for part, to in zip(ours, towards, strict=True)]).sum()
        return 1 - inner / (_square(ours) * _square(towards)).sqrt()


def _square(gradient: Sequence[Tensor]) -> Tensor:
    """Return the squared length over all parameters, kept from 0, where no direction is defined."""
    return torch.stack([part.square().sum() for part in gradient]).sum().clamp(min=_TINY)
