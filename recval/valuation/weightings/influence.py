"""Influence functions: how much a reward would fall if the trained model were fitted again without an interaction.

At a minimum theta of the mean training loss (1/n) sum_m l_m + (damping/2) |theta|^2, leaving out the interaction m
moves it, to first order, by (H + damping I)^-1 grad l_m / n, with H the Hessian of the mean loss. So the value is

    v_m = -(1/n) <s, grad l_m>,    (H + damping I) s = grad M,

with M a differentiable reward on validation data. One system is solved for s, by conjugate gradients, which need only
products with H; all values are then slopes of losses along s, in one pass over the interactions. Losses are means over
`draws` fixed draws of negatives.

Which parameters move is to be chosen:

- "items" (the default) or "users": the vectors of one side, with all else held. In matrix factorisation a sample's
  score is linear in them, so that with a logistic or squared loss H is positive semidefinite, and the answer is exact
  for a convex problem that has one minimum. That is what the last layer of a network is elsewhere.
- "all": H is not positive semidefinite away from a minimum, and training that is stopped early stays away from it.
  Nothing is guaranteed but that the solver says so: where the curvature along a direction of its search is not
  positive it stops with an error that names how much damping would have helped there.

How to choose: after training, where retraining without each interaction is what one would like to do. Damping is the
prior that the moves are small. With little of it the answer is that of a model trained to the end, which one that was
stopped early never was (Bae et al.); with much of it s approaches grad M / damping, and the values rank as the in-run
values of the last step do. For values of a run as it went, take `InRun`.

Sources: Koh and Liang, "Understanding Black-box Predictions via Influence Functions", ICML 2017 (arXiv 1703.04730),
equation 2 and section 3; Bae et al., "If Influence Functions are the Answer, Then What is the Question?", NeurIPS 2022
(arXiv 2209.05364), on damping. Different here: conjugate gradients on all samples, not LiSSA on batches, and the
Hessian itself, not the Gauss-Newton matrix, since a backbone gives losses, not outputs.

Cost: each iteration takes `draws` passes over the interactions of a forward and about four backward passes; the memory
of a batch's second graph, and of a few vectors of the size of the parameters.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from scipy.sparse.linalg import LinearOperator, cg
from torch import Tensor

from recval.adapter.derivatives import gradient, gradient_and_curvature, slopes_towards
from recval.adapter.rewards import differentiable_reward
from recval.backbones import Backbone, Batch
from recval.data import Split
from recval.declarations import Declaration
from recval.errors import ModelError
from recval.games import Values
from recval.rng import isolated, torch_generator
from recval.training import Loop
from recval.valuation.weightings.configured import Configured
from recval.valuation.weightings.interaction_means import InteractionMeans
from recval.valuation.weightings.outer_reward import OuterReward, outer_reward

Block = Literal["items", "users", "all"]
Floats = npt.NDArray[np.float64]


class InfluenceSettings(Declaration):
    """The settings of `Influence`.

    Attributes:
        parameters: which parameters move; see the module.
        damping: the weight of the squares of the moves, beside the mean loss.
        iterations: the largest number of iterations of conjugate gradients.
        tolerance: the residual, relative to the gradient of the reward, at which they stop.
        draws: negatives of each interaction that the losses are means over.
        reward: a differentiable reward; see `recval.adapter.rewards`.
        users: validation users that it looks at.
    """

    parameters: Block = "items"
    damping: float = Field(1e-3, ge=0, allow_inf_nan=False)
    iterations: int = Field(100, ge=1)
    tolerance: float = Field(1e-3, gt=0, lt=1)
    draws: int = Field(8, ge=1)
    reward: OuterReward = "bpr"
    users: int = Field(1024, ge=1)


class Influence(Configured):
    """Weighs nothing, and values each interaction by how the reward would fall without it.

    Args:
        **settings: see `InfluenceSettings`.

    Attributes:
        values: after training, the influence of each training interaction, with the parameters of the best epoch and
            without dropout; each draw is an estimate. One that is no sample of the model has the mean of the others.
    """

    settings: InfluenceSettings
    values: Values | None = None

    def check(self, backbone: Backbone, split: Split) -> None:
        """Refuse a model without losses per sample or without the parameters, and a reward that cannot be computed."""
        if not backbone.has_sample_losses:
            raise ModelError(
                "Influence needs the loss of each interaction, but this model's loss is one of the whole batch; "
                "choose a model with a loss per sample, such as BPR, NeuMF or LightGCN"
            )
        block_of(backbone, self.settings.parameters)
        differentiable_reward(self.settings.reward, split, users=self.settings.users)

    def before_fit(self, loop: Loop) -> None:
        """Begin anew.

        Raises:
            ModelError: the model has no losses per sample, or not the parameters.
        """
        self.check(loop.backbone, loop.split)
        self._loop, self.values = loop, None

    def after_fit(self) -> None:
        """Value the training interactions.

        Raises:
            ModelError: the Hessian is not positive definite, or cannot be computed.
        """
        loop, block = self._loop, block_of(self._loop.backbone, self.settings.parameters)
        generator = torch_generator(loop.seed, "influence")
        reward = outer_reward(self.settings.reward, loop, self.settings.users)
        with isolated(loop.seed, "influence"):
            rising = gradient(reward(loop.backbone, generator), block)
        solved = dict(zip(map(id, block), self._solve(block, rising), strict=True))
        direction = [solved.get(id(part), torch.zeros_like(part)) for part in loop.backbone.parameters()]
        means = InteractionMeans(loop.split.train, loop.sampler.user.device)
        slopes = slopes_towards(loop.backbone, direction)
        for batch in self._batches():
            means.add(batch.row, -slopes(batch) / self._n_samples)
        self.values = means.values()

    @property
    def _n_samples(self) -> int:
        rows = self._loop.backbone.rows
        return len(self._loop.sampler.user) if rows is None else len(rows)

    def _batches(self) -> Iterator[Batch]:
        """Yield the same samples at every call, so that H is one matrix: each interaction once in each draw."""
        loop = self._loop
        for draw in range(self.settings.draws):
            generator = torch_generator(loop.seed, "influence", draw, device=loop.sampler.user.device)
            with isolated(loop.seed, "influence", draw):
                yield from loop.sampler.epoch(loop.settings.batch_size, generator, loop.backbone.rows)

    def _solve(self, block: Sequence[Tensor], rising: Sequence[Tensor]) -> list[Tensor]:
        """Return (H + damping I)^-1 times the gradient of the reward."""
        right = _flat(rising)

        def product(vector: Floats) -> Floats:
            found = _flat(self._hessian_times(block, _parted(vector, block))) + self.settings.damping * vector
            _check_curvature(float(vector @ found), float(vector @ vector), self.settings)
            return found

        operator = LinearOperator((len(right), len(right)), matvec=product, dtype=np.float64)
        solved, unfinished = cg(operator, right, rtol=self.settings.tolerance, maxiter=self.settings.iterations)
        if unfinished:
            warnings.warn(
                f"conjugate gradients had not come within {self.settings.tolerance:g} of the solution after "
                f"{self.settings.iterations} iterations, so the values are rough; raise iterations or damping",
                stacklevel=2,
            )
        return _parted(solved, block)

    def _hessian_times(self, block: Sequence[Tensor], vector: Sequence[Tensor]) -> list[Tensor]:
        total = [torch.zeros_like(part) for part in block]
        size = self._n_samples * self.settings.draws
        for batch in self._batches():
            loss = self._loop.backbone.loss_per_sample(batch).sum() / size
            _, curvature = gradient_and_curvature(loss, block, vector)
            for part, more in zip(total, curvature, strict=True):
                part += more
        return total


def block_of(backbone: Backbone, which: Block) -> list[Tensor]:
    """Return the parameters that the vectors of items, or of users, are looked up in; or all.

    Raises:
        ModelError: the model has no such vectors.
    """
    parameters = [parameter for parameter in backbone.parameters() if parameter.requires_grad]
    if which == "all":
        return list(parameters)
    first = torch.zeros(1, dtype=torch.int64, device=parameters[0].device)
    looked_up = backbone.item_embeddings(first) if which == "items" else backbone.user_embeddings(first)
    found = torch.autograd.grad(looked_up.sum(), parameters, allow_unused=True)
    return [parameter for parameter, slope in zip(parameters, found, strict=True) if slope is not None]


def _check_curvature(curvature: float, square: float, settings: InfluenceSettings) -> None:
    if square > 0 and curvature <= 0:
        least = settings.damping - curvature / square
        raise ModelError(
            f"the training loss is not convex in {settings.parameters!r} parameters: with damping={settings.damping:g} "
            f"its curvature is not positive somewhere; set damping above {least:.2g}, or parameters to items or users"
        )


def _flat(parts: Sequence[Tensor]) -> Floats:
    return torch.cat([part.detach().reshape(-1) for part in parts]).double().cpu().numpy()


def _parted(vector: Floats, like: Sequence[Tensor]) -> list[Tensor]:
    parts = torch.from_numpy(vector).split([part.numel() for part in like])
    return [part.reshape(shape.shape).to(shape) for part, shape in zip(parts, like, strict=True)]
