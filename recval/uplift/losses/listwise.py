"""Listwise uplift ranking: the softmax of predicted uplifts should put its mass where treatment earns.

    loss = -(1 / n_t) sum over treated i of y_i log p_i + (1 / n_c) sum over control j of y_j log p_j

with p the softmax of the predicted uplifts u of a batch. In a randomised experiment it estimates the cross-entropy of p
relative to the true uplifts as unnormalised weights. u and y are in standard deviations of the response.

- `form`: `joint` takes one softmax over both groups, as the derivation does; `per-group` one over each group, as if
  both groups were the same customers: a customer is then compared only with those of the same arm.
- `bound`: as it stands (`none`, the paper's), the loss has no lower bound: a control customer who spent y takes it to
  minus infinity with u -> -infinity. Weights of 1 diverge. The others have one:
  - `clip`, the default: u is cut at plus and minus `limit`; beyond it a row no longer pulls. The loss is at least
    -mean(y of control) (2 limit + log n).
  - `positive`: the control's term, the negative mass, is dropped. For revenue the loss is then at least 0; but what is
    ranked is the treated response, not the uplift. Only for treatments without which hardly anybody spends.
  - `standardised`: u is replaced by limit (u - mean) / sd over the batch, so that the loss does not change when all
    uplifts rise or spread alike. No |u| then exceeds limit sqrt(n), so it is at least -mean(y of control)
    (2 limit sqrt(n) + log n). Its gradient grows as predictions draw together, which makes it the noisiest: in small
    trials on simulated customers, at weights from 0.003 to 1, it ranked worse than no such term.

What is honest and what is not: true uplifts below zero are not weights of a distribution, so with many customers whom
treatment puts off, the minimum is no ranking that one would want. The bounded variants bound the loss, not the error.
A softmax does not change when all uplifts rise alike, so nothing here holds their level: in the same trials `none` with
a weight of 0.3 moved the mean by 0.6 standard deviations of the true uplifts, and gave twice their spread. Keep weights
at 0.1 or less, clip gradients, and calibrate afterwards or look at the ranking only.

Choose it for a little better ranking at the top where the level of predictions does not matter. Do not choose it for
observational data, since the derivation needs randomised arms; nor for batches with few purchases.

Sources: He et al., "Rankability-enhanced revenue uplift modeling framework for online marketing", KDD 2024, equations
15 to 20 (`joint`); Cao et al., "Learning to rank: from pairwise approach to listwise approach", ICML 2007.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from recval.declarations import Declaration

LEAST_VARIANCE = 1e-4
"""Added to the variance of uplifts, in units of the response's, before they are standardised."""


class ListwiseUplift(Declaration):
    """Listwise uplift ranking as a term of the training's loss.

    Attributes:
        weight: the factor of the term.
        form: one softmax over the customers of both groups, or one over each group.
        bound: what keeps the loss from falling without end.
        limit: where `clip` cuts, and the spread that `standardised` gives, in standard deviations of the response.
    """

    kind: Literal["listwise"] = "listwise"
    weight: float = Field(0.1, ge=0, allow_inf_nan=False)
    form: Literal["joint", "per-group"] = "joint"
    bound: Literal["none", "clip", "positive", "standardised"] = "clip"
    limit: float = Field(1.0, gt=0, allow_inf_nan=False)

    def loss(
        self, means: Tensor, arm: Tensor, response: Tensor, scale: float, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return the weighted term; with several treated arms the mean of each one's against the control.

        Args:
            means: expected responses for each arm, shape [..., B, A + 1].
            arm: shape [..., B], 0 for the control.
            response: shape [..., B].
            scale: the standard deviation of the training's responses.
            generator: not used; nothing is drawn.

        Returns:
            Shape [...]. An arm without a row adds nothing.
        """
        uplift = ((means[..., 1:] - means[..., :1]) / scale).mT
        treatments = torch.arange(1, means.shape[-1], device=arm.device)
        treated = arm[..., None, :] == treatments[:, None]
        control = (arm == 0)[..., None, :].expand(treated.shape)
        either = treated | control
        uplift = self._bounded(uplift, either)
        earned = _mean_of(treated, _log_softmax(uplift, either if self.form == "joint" else treated), response / scale)
        if self.bound == "positive":
            return -self.weight * earned.mean(-1)
        spared = _mean_of(control, _log_softmax(uplift, either if self.form == "joint" else control), response / scale)
        return -self.weight * (earned - spared).mean(-1)

    def _bounded(self, uplift: Tensor, member: Tensor) -> Tensor:
        """Return what goes into the softmax; `uplift` [..., A, B], `member` [..., A, B]: rows of the arm or control."""
        if self.bound == "clip":
            return uplift.clamp(-self.limit, self.limit)
        if self.bound == "standardised":
            share = member.to(uplift.dtype) / member.sum(-1, keepdim=True).clamp(min=1)
            centred = uplift - (share * uplift).sum(-1, keepdim=True)
            variance = (share * centred.square()).sum(-1, keepdim=True)
            return self.limit * centred / (variance + LEAST_VARIANCE).sqrt()
        return uplift


def _log_softmax(scores: Tensor, member: Tensor) -> Tensor:
    """Return the log-softmax over the members of the last axis, and 0 for the others."""
    # A finite number, not minus infinity, stands for the others: a group without members then has no NaN.
    lowest = torch.finfo(scores.dtype).min
    return scores.masked_fill(~member, lowest).log_softmax(-1).masked_fill(~member, 0)


def _mean_of(member: Tensor, log_probability: Tensor, response: Tensor) -> Tensor:
    """Return the mean over members of response times log-probability, shape [..., A]; 0 where there are none."""
    total = (torch.where(member, response[..., None, :], 0.0) * log_probability).sum(-1)
    return total / member.sum(-1).clamp(min=1)
