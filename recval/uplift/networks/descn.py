"""DESCN: the arms are learnt on all customers at once, through the propensity and through a network of the effect.

To the likelihood of each row under its own arm it adds, in standard deviations of the response,

- the treatment's cross entropy;
- the entire space: g_a(x) yhat_a(x) is what is expected of y 1[t = a], which is known of every customer; its squared
  error, for each arm a (ESTR and ESCR);
- crossing, with pseudo effects e_a(x): on rows of treatment a, (y - yhat_0 - e_a)^2; on control rows, the mean over a
  of (y - yhat_a + e_a)^2. So rows of each arm train the others' heads, where these are seen through the effect.

Source: Zhong et al., "DESCN: Deep entire space cross networks for individual treatment effect estimation", KDD 2022.
There the responses are binary and the terms cross entropies; here the heads have their own likelihoods, and the terms
are squared errors of expected responses. Uplift is the difference of the heads, not the pseudo effect.

How to choose: where treatment was not random and treated customers are few. When not to use: where the tail of the
response is heavy; squared errors of single purchases then rule.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from recval.uplift.networks.base import Network, Outputs, Task, UpliftModule, own_arm, weighted_mean
from recval.uplift.networks.layers import ArmDense
from recval.uplift.networks.tarnet import TARNetModule


class DESCN(Network):
    """The settings of DESCN.

    Attributes:
        propensity: the weight of the treatment's cross entropy.
        entire_space: the weight of the errors over the entire space.
        crossing: the weight of the errors through the pseudo effects.
    """

    kind: Literal["descn"] = "descn"
    propensity: float = Field(0.1, ge=0, allow_inf_nan=False)
    entire_space: float = Field(0.1, ge=0, allow_inf_nan=False)
    crossing: float = Field(0.1, ge=0, allow_inf_nan=False)

    def build(self, task: Task) -> UpliftModule:
        """Return a new module."""
        return DESCNModule(self, task)


class DESCNModule(TARNetModule):
    """TARNet's layers, a logistic regression of the treatment, and a head of pseudo effects."""

    def __init__(self, settings: DESCN, task: Task) -> None:
        super().__init__(settings, task)
        self.weights = settings.propensity, settings.entire_space, settings.crossing
        self.propensity = nn.Linear(self.shared.width, task.n_arms)
        self.pseudo_effect = ArmDense(task.n_arms - 1, self.shared.width, settings.heads, torch.zeros(1), settings)

    def forward(self, numeric: Tensor, codes: Tensor) -> Outputs:
        """Return the outputs for customers."""
        representation = self.shared(numeric, codes)
        return Outputs(self.heads(representation), representation, self.propensity(representation))

    def own_terms(self, outputs: Outputs, arm: Tensor, response: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the treatment's cross entropy and both errors, weighted."""
        assert outputs.propensity is not None
        assert outputs.representation is not None
        expected = self.means(outputs) / self.limits.scale
        observed = response / self.limits.scale
        treatment = functional.cross_entropy(outputs.propensity, arm, reduction="none")
        in_arm = functional.one_hot(arm, expected.shape[1])
        share = outputs.propensity.softmax(1) * expected
        entire_space = (observed[:, None] * in_arm - share).square().sum(1)
        effect = self.pseudo_effect(outputs.representation).squeeze(2)
        crossing = self._crossed(expected, observed, effect, arm)
        terms = (treatment, entire_space, crossing)
        return weighted_mean(sum(w * term for w, term in zip(self.weights, terms, strict=True)), weight)  # type: ignore[arg-type]

    @staticmethod
    def _crossed(expected: Tensor, observed: Tensor, effect: Tensor, arm: Tensor) -> Tensor:
        """Return the squared errors of each row through the other arms and the pseudo effects, shape [B]."""
        of_control = (observed[:, None] - expected[:, 1:] + effect).square().mean(1)
        own_effect = own_arm(functional.pad(effect, (1, 0)), arm)
        of_treated = (observed - expected[:, 0] - own_effect).square()
        return torch.where(arm == 0, of_control, of_treated)
