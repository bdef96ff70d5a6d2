"""The values of some triplets, at the parameters that training has reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from recval.adapter.meta_gradient import StepSizes, descent, preconditioned
from recval.adapter.rewards import DifferentiableReward
from recval.backbones import Batch, SelfTraining
from recval.declarations import Declaration
from recval.games import Shapley
from recval.games.estimating import estimate
from recval.games.estimators.control_variates import ControlVariates
from recval.games.samplers import Permutation
from recval.games.stopping import MaxRounds
from recval.rng import derive, torch_generator
from recval.training import Loop
from recval.valuation.triplets.game import TripletGame
from recval.valuation.triplets.taylor import taylor_game, taylor_values
from recval.valuation.weightings.outer_reward import OuterReward


class ValuingSettings(Declaration):
    """How triplets are valued.

    Attributes:
        reward: a differentiable reward; see `recval.adapter.rewards`.
        users: validation users that the reward looks at, a fresh sample for each game; with few of them the values are
            mostly the noise of that sample.
        triplets: triplets a game.
        steps: steps that a coalition takes.
        permutations: random orders of the triplets, with the second-order expansion of the game as the control variate;
            0 takes the values of the expansion itself. Each costs `triplets` coalitions, and the expansion's own
            coalitions `triplets` Hessian-vector products, so that a game of permutations is to be of some hundred
            triplets; without them, thousands cost little.
        beta: how much of the control variate is taken off; see `recval.games.estimators.control_variates`. For several
            steps the expansion is no longer close to the game, and "pilot" is the choice.
    """

    reward: OuterReward = "bpr"
    users: int = Field(2000, ge=1)
    triplets: int = Field(4096, ge=2)
    steps: int = Field(1, ge=1)
    permutations: int = Field(0, ge=0)
    beta: Literal["one", "pilot", "jackknife"] = "one"

    @model_validator(mode="after")
    def _coalitions_are_comparable(self) -> Self:
        names = [self.reward] if isinstance(self.reward, str) else self.reward
        if self.permutations and any(name.startswith("lambda-ndcg") for name in names):
            raise ValueError(
                "permutations compare the rewards of coalitions, but lambda-ndcg@K chooses its pairs anew for each "
                "ranking; set permutations=0, or take bpr"
            )
        return self


@dataclass(frozen=True)
class Valued:
    """Valued triplets.

    Attributes:
        batch: the triplets.
        values: their Shapley values, shape [T].
        evaluations: how many coalitions were evaluated.
    """

    batch: Batch
    values: Tensor
    evaluations: int


def valued_triplets(loop: Loop, settings: ValuingSettings, reward: DifferentiableReward, when: int) -> Valued:
    """Draw triplets of random training interactions and value them.

    Args:
        loop: the training loop.
        settings: how.
        reward: the reward of the settings, on the loop's validation data.
        when: tells this game's random numbers from those of others.
    """
    device = loop.sampler.user.device
    generator = torch_generator(loop.seed, "valued triplets", when, device=device)
    rows = torch.arange(len(loop.sampler.user), device=device) if loop.backbone.rows is None else loop.backbone.rows
    chosen = torch.randperm(len(rows), generator=generator, device=device)[: settings.triplets]
    batch = loop.sampler.triplets(rows[chosen], generator)
    seed = derive(loop.seed, "triplet game", when)
    game = TripletGame(loop.backbone, batch, reward, coming_step_sizes(loop), seed=seed, steps=settings.steps)
    if not settings.permutations:
        return Valued(batch, torch.from_numpy(taylor_values(game)).to(device), 0)
    estimator = ControlVariates(sampler=Permutation(), surrogate=taylor_game(game), beta=settings.beta)
    found = estimate(game, estimator, Shapley(), MaxRounds(rounds=settings.permutations), seed=seed)
    return Valued(batch, torch.from_numpy(found.values.value).to(device), found.evaluations)


def coming_step_sizes(loop: Loop) -> StepSizes:
    """Return Adam's step sizes, or where the model takes its steps itself, those of gradient descent."""
    if isinstance(loop.backbone, SelfTraining):
        return descent(loop.settings.learning_rate)
    return preconditioned(loop.optimizer)
