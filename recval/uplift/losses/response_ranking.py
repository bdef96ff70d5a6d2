"""Response ranking: pairs of customers whose predicted responses stand in the wrong order, within and across groups.

With g the prediction for the arm that a customer was in, y the response, and r = g - y:

    within  i, j of one group:              (r_i - r_j)^2 where (g_i - g_j)(y_i - y_j) < 0, else 0
    cross   i of a treated arm, j control:  (r_i + r_j)^2 where (g_i - y_j)(y_i - g_j) < 0, else 0

Cross is within after control customers swap prediction and response, as (r_i + r_j) = (g_i - y_j) - (y_i - g_j). Both
are thus one sum over discordant pairs, exact in O(n log^2 n) for all pairs of a batch: `discordance`.

What is a bound and what is not. With both potential responses of i and j known, the error of an uplift difference,
|(u_i - u_j) - (v_i - v_j)| for predicted u and true v, is at most |r_i - r_j| summed over both arms, and at most
|r1_i + r0_j| + |r0_i + r1_j|; each is at most the sum of the four |r|. That is the triangle inequality, and honest. The
losses are not those bounds: they are squared, only the arm that was seen is in them, and concordant pairs count zero.
A loss of zero says that observed responses are in order, not that uplifts are.

Two things to know before choosing it. Observed responses are noise about the mean that is to be predicted, so the best
predictions do not have the least loss: the term adds bias. And two customers who spent nothing are never discordant
within a group, but always across groups where both predictions are positive; then cross costs (g_i + g_j)^2, and on
data of mostly zeros it is for the most part a pull of all predictions toward zero.

Choose it, with a weight of 0.1 or less beside a likelihood, where listwise uplift ranking inflates predictions: it
pulls the level back. Do not expect it to rank better alone, and do not choose it for data of few purchases, where it is
mostly noise. All is in standard deviations of the response, and averaged over pairs, so weights carry over.

Source: He et al., "Rankability-enhanced revenue uplift modeling framework for online marketing", KDD 2024, equations
6 to 14. There losses are sums over sampled pairs, in the unit of the data.
"""

from __future__ import annotations

from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional

from recval.declarations import Declaration
from recval.uplift.losses.discordance import discordance_loss


def within(predicted: Tensor, response: Tensor) -> Tensor:
    """Return the sum over all ordered pairs of one group (equations 10 and 11).

    Args:
        predicted: shape [..., n].
        response: shape [..., n].

    Returns:
        Shape [...].
    """
    one = torch.ones_like(predicted[..., None, :])
    return discordance_loss(predicted, response, one, one.new_ones(1, 1))


def cross(predicted_t: Tensor, response_t: Tensor, predicted_c: Tensor, response_c: Tensor) -> Tensor:
    """Return the sum over all pairs of a treated and a control customer (equations 12 and 13).

    The paper adds the sum over pairs of a control and a treated customer, which is the same number.

    Args:
        predicted_t: shape [..., n].
        response_t: shape [..., n].
        predicted_c: shape [..., m].
        response_c: shape [..., m].

    Returns:
        Shape [...].
    """
    first = torch.cat([predicted_t, response_c], dim=-1)
    second = torch.cat([response_t, predicted_c], dim=-1)
    treated = torch.arange(first.shape[-1], device=first.device) < predicted_t.shape[-1]
    member = torch.stack([treated, ~treated]).expand(*first.shape[:-1], 2, -1)
    # The loss counts a pair in both orders.
    return discordance_loss(first, second, member, first.new_tensor([[0.0, 0.5], [0.5, 0.0]]))


class ResponseRanking(Declaration):
    """Response ranking as a term of the training's loss.

    Attributes:
        weight: the factor of the term.
        within: whether pairs within each group count.
        cross: whether pairs of a treated and a control customer count.
        sample: how many customers of each arm to draw in each step, for either kind of pairs anew; None for all.
    """

    kind: Literal["response-ranking"] = "response-ranking"
    weight: float = Field(0.1, ge=0, allow_inf_nan=False)
    within: bool = True
    cross: bool = True
    sample: int | None = Field(None, ge=2)

    @model_validator(mode="after")
    def _some_pairs_count(self) -> Self:
        if not (self.within or self.cross):
            raise ValueError("response ranking without within and without cross has no pairs; set one of them")
        return self

    def loss(
        self, means: Tensor, arm: Tensor, response: Tensor, scale: float, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return the weighted term: the means over the pairs of each kind, added up.

        With several treated arms it is the mean of what each of them gives together with the control. An arm of too few
        rows for a pair adds nothing.

        Args:
            means: expected responses for each arm, shape [..., B, A + 1].
            arm: shape [..., B], 0 for the control.
            response: shape [..., B].
            scale: the standard deviation of the training's responses.
            generator: draws the sample, on the device of the tensors.

        Returns:
            Shape [...].
        """
        n_arms = means.shape[-1]
        kinds = [wanted == "cross" for wanted in ("within", "cross") if getattr(self, wanted)]
        is_cross = torch.tensor(kinds, dtype=torch.bool, device=arm.device).reshape(-1, *[1] * arm.dim())
        rows, member = self._chosen(arm.expand(len(kinds), *arm.shape), n_arms, generator)
        predicted = (means.gather(-1, arm[..., None])[..., 0] / scale).expand(len(kinds), *arm.shape).gather(-1, rows)
        response = (response / scale).expand(len(kinds), *arm.shape).gather(-1, rows)
        swapped = is_cross & member[..., 0, :].bool()
        first, second = torch.where(swapped, response, predicted), torch.where(swapped, predicted, response)
        count = member.sum(-1).double()
        weight = torch.where(is_cross[..., None], _weight_across(count), _weight_within(count))
        return self.weight * discordance_loss(first, second, member, weight).sum(0)

    def _chosen(self, arm: Tensor, n_arms: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """Return the rows that count, [..., R], and whether each is of an arm and counts, [..., A + 1, R]."""
        of_arm = functional.one_hot(arm, n_arms).mT
        if self.sample is None:
            return torch.arange(arm.shape[-1], device=arm.device).expand(arm.shape), of_arm
        # Rows of other arms sort behind all of the arm's own, which stand in random order.
        lots = torch.rand(arm.shape, generator=generator, device=arm.device)[..., None, :] + (1 - of_arm)
        drawn = lots.argsort(dim=-1)[..., : self.sample]
        counts = of_arm.gather(-1, drawn).flatten(-2)
        rows = drawn.flatten(-2)
        return rows, functional.one_hot(arm.gather(-1, rows), n_arms).mT * counts[..., None, :]


def _weight_within(count: Tensor) -> Tensor:
    """Return what a pair counts by the arms of both, [..., A + 1, A + 1], from the rows of each arm, [..., A + 1].

    All pairs of the control together count 1, and so do those of all treated arms.
    """
    return torch.diag_embed(_share(count) / (count * (count - 1)).clamp(min=1))


def _weight_across(count: Tensor) -> Tensor:
    """Return the same where only pairs with the control count: 2 for all of them, as either order counts 1."""
    with_control = _share(count)[..., 1:] / (count[..., :1] * count[..., 1:]).clamp(min=1)
    weight = count.new_zeros(*count.shape, count.shape[-1])
    weight[..., 0, 1:] = weight[..., 1:, 0] = with_control
    return weight


def _share(count: Tensor) -> Tensor:
    """Return what each arm counts, shape of `count`: 1 for the control, and 1 divided among the treated arms."""
    share = torch.full_like(count, 1 / max(count.shape[-1] - 1, 1))
    share[..., 0] = 1
    return share
