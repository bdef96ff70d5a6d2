"""The game of triplets to second order: a quadratic game, whose Shapley values are known in closed form.

With u_t = eta grad l_t / T what the step takes of triplet t, d_S their sum over a coalition, and the reward's gradient
and Hessian H at the present parameters,

    v(S) = M(theta - d_S)  ~  g(S) = M(theta) + sum_{t in S} a_t + 1/2 sum_{s,t in S} b_st,
    a_t = -<grad M, u_t>,    b_st = u_s' H u_t.

- `taylor_values`: the Shapley values psi_t = a_t + 1/2 sum_s b_st of g. All sums are slopes along one vector, H d_N:
  one Hessian-vector product, however many triplets there are.
- `taylor_game`: g itself, which the values of coalitions, and so control variates, take. Its T^2 numbers b take T
  Hessian-vector products and T times the slopes of all triplets; every coalition is then free. The product v' H v of
  each coalition by itself would take as many products as one permutation has coalitions, and again for the next.

It is exact in the limit of small steps for "bpr". The gradient of a soft metric or of "lambda-ndcg@K" is not quite that
of its value, so that their expansion is a surrogate like any other.

Several steps are taken as one of their whole length; what the losses' gradients change on the way is left out.

A surrogate that is additive, a alone, has no use as a control variate of permutations: each triplet's part in it is the
same in every permutation.

Source: Wang et al., "Data Shapley in One Training Run", 2024 (arXiv 2406.11011), the second-order value.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from recval.adapter.derivatives import differentiating_twice
from recval.games.game import Floats
from recval.games.surrogates import QuadraticGame
from recval.valuation.triplets.game import TripletGame


def taylor_values(game: TripletGame) -> Floats:
    """Return the Shapley values of the second-order expansion, shape [T].

    Raises:
        ModelError: the reward or the losses cannot be differentiated twice.
    """
    gradient = game.reward_gradient()
    everyone = game.displacement(torch.full((game.n_players,), float(game.steps), device=gradient[0].device))
    curvature = game.slopes(_times_hessian(game, gradient, everyone))
    return _array(game.steps * (curvature / 2 - game.slopes([part.detach() for part in gradient])))


def taylor_game(game: TripletGame) -> QuadraticGame:
    """Return the second-order expansion of a game.

    Raises:
        ModelError: the reward or the losses cannot be differentiated twice.
    """
    gradient = game.reward_gradient()
    linear = -game.steps * game.slopes([part.detach() for part in gradient])
    singles = torch.eye(game.n_players, device=linear.device)
    rows = [game.slopes(_times_hessian(game, gradient, game.displacement(single))) for single in singles]
    pairs = torch.stack(rows) if rows else singles
    return QuadraticGame(game.null_value, _array(linear), _array(game.steps**2 * pairs))


def _times_hessian(game: TripletGame, gradient: Sequence[Tensor], direction: Sequence[Tensor]) -> list[Tensor]:
    """Return the reward's Hessian times a direction; zeros where the reward is flat or straight."""
    bent = [place for place, part in enumerate(gradient) if part.requires_grad]
    if not bent:
        return [torch.zeros_like(part) for part in gradient]
    with differentiating_twice():
        found = torch.autograd.grad(
            [gradient[place] for place in bent],
            game.parameters,
            [direction[place] for place in bent],
            retain_graph=True,
            materialize_grads=True,
        )
    return list(found)


def _array(numbers: Tensor) -> Floats:
    return numbers.double().cpu().numpy().astype(np.float64)
