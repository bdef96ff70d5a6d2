"""Hurdle: a customer buys with probability p, and the spending of one who buys is gamma with mean m and shape k.

    -log L(y) = -log(1 - p)                                                                  if y = 0
    -log L(y) = -log p + k (y / m - log(y / m)) + log y - k log k + log Gamma(k)             if y > 0
    E[y]      = p m

The three raw numbers z give p = sigmoid(z0), m = exp(z1), k = softplus(z2) within [0.001, 10000]. Where y exceeds m by
more than exp(20), exp(log(y / m)) goes on as a line, so that no start, however bad, has an infinite loss.

Choose it for revenue with many zeros and a tail lighter than a lognormal one: the mean of those who buy is a number of
its own here, not a by-product of the spread as in ZILN, and the gamma likelihood estimates it consistently also where
spending is not gamma. A single huge purchase pulls it more than it pulls ZILN. It cannot have negative responses.

Sources: Mullahy, "Specification and testing of some modified count data models", Journal of Econometrics 1986
(hurdles); McCullagh & Nelder, "Generalized linear models", 1989, chapter 8 (gamma).
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from recval.uplift.heads.base import Limits, RevenueHead, exp_then_line, inverse_softplus, log_odds, purchase_loss

SHAPES = (1e-3, 1e4)
"""The least and the largest shape: spending that hardly varies would otherwise have a likelihood without bound."""


class Hurdle(RevenueHead):
    """The zero-inflated gamma distribution. Raw numbers: the logit of p, log m, and the shape before softplus."""

    kind: Literal["hurdle"] = "hurdle"
    size: ClassVar[int] = 3

    def start(self, response: NDArray[np.float64]) -> Tensor:
        """Return the raw numbers of all responses' own p, m and, by moments, k within [0.1, 10], shape [3]."""
        spent = response[response > 0]
        log_mean, shape = 0.0, 1.0
        if len(spent):
            log_mean = float(np.log(spent.mean()))
            variance = spent.var()
            shape = float(np.clip(spent.mean() ** 2 / variance, 0.1, 10)) if variance > 0 else 1.0
        return torch.tensor([log_odds(response), log_mean, inverse_softplus(shape)], dtype=torch.float32)

    def loss(self, raw: Tensor, response: Tensor, limits: Limits) -> Tensor:
        """Return the negative log-likelihood, shape [...], in nats."""
        logit, log_mean, shape = raw.unbind(-1)
        shape = functional.softplus(shape).clamp(*SHAPES)
        bought = response > 0
        # Zeros are replaced before the logarithm: a gradient of infinity would make NaN of the rows that are left out.
        log_response = torch.where(bought, response, 1.0).log()
        log_ratio = log_response - log_mean
        spending = shape * (exp_then_line(log_ratio) - log_ratio) + log_response - shape * shape.log() + shape.lgamma()
        return purchase_loss(logit, bought) + torch.where(bought, spending, 0.0)

    def mean(self, raw: Tensor, limits: Limits) -> Tensor:
        """Return p m, shape [...], with log m cut at the ceiling."""
        logit, log_mean, _ = raw.unbind(-1)
        return logit.sigmoid() * log_mean.clamp(max=limits.log_ceiling).exp()
