"""ZILN: a customer buys with probability p, and the spending of one who buys is lognormal(mu, sigma).

    -log L(y) = -log(1 - p)                                                                  if y = 0
    -log L(y) = -log p + log(y sigma sqrt(2 pi)) + (log y - mu)^2 / (2 sigma^2)              if y > 0
    E[y]      = p exp(mu + sigma^2 / 2)

The sum of both parts is the likelihood itself, so neither needs a weight. The three raw numbers z give p = sigmoid(z0),
mu = z1, sigma = softplus(z2), at least `MIN_SIGMA`. The exponent of the mean is cut at the ceiling: one customer whose
sigma runs away would otherwise overflow, and so end a training that also ranks by the mean.

Choose it for revenue with many zeros and a heavy tail; it is the default. Where spending has a lighter tail than a
lognormal one, the term sigma^2 / 2 overstates the mean: then take the hurdle head. It cannot have negative responses.

Sources: Wang, Liu, Miao, "A deep probabilistic model for customer lifetime value prediction", 2019; He et al.,
"Rankability-enhanced revenue uplift modeling framework for online marketing", KDD 2024, equations 3 and 4.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from recval.uplift.heads.base import Limits, RevenueHead, inverse_softplus, log_odds, purchase_loss

MIN_SIGMA = torch.finfo(torch.float32).eps ** 0.5
"""The smallest sigma: below it the likelihood of buyers who all spend the same would have no bound."""

LOG_ROOT_TWO_PI = 0.5 * float(np.log(2 * np.pi))


class ZILN(RevenueHead):
    """The zero-inflated lognormal distribution. Raw numbers: the logit of p, mu, and sigma before softplus."""

    kind: Literal["ziln"] = "ziln"
    size: ClassVar[int] = 3

    def start(self, response: NDArray[np.float64]) -> Tensor:
        """Return the raw numbers of the most likely distribution of all responses, shape [3].

        Sigma begins at 0.1 or more, lest the first steps be huge; at 1 where fewer than two customers bought.
        """
        logs = np.log(response[response > 0])
        mu = logs.mean() if len(logs) else 0.0
        sigma = max(logs.std(), 0.1) if len(logs) > 1 else 1.0
        return torch.tensor([log_odds(response), mu, inverse_softplus(sigma)], dtype=torch.float32)

    def loss(self, raw: Tensor, response: Tensor, limits: Limits) -> Tensor:
        """Return the negative log-likelihood, shape [...], in nats."""
        logit, mu, sigma = self._parameters(raw)
        bought = response > 0
        # Zeros are replaced before the logarithm: a gradient of infinity would make NaN of the rows that are left out.
        log_response = torch.where(bought, response, 1.0).log()
        spending = log_response + sigma.log() + LOG_ROOT_TWO_PI + ((log_response - mu) / sigma).square() / 2
        return purchase_loss(logit, bought) + torch.where(bought, spending, 0.0)

    def mean(self, raw: Tensor, limits: Limits) -> Tensor:
        """Return p exp(mu + sigma^2 / 2), shape [...], with the exponent cut at the ceiling."""
        logit, mu, sigma = self._parameters(raw)
        return logit.sigmoid() * (mu + sigma.square() / 2).clamp(max=limits.log_ceiling).exp()

    @staticmethod
    def _parameters(raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the logit of p, mu and sigma."""
        logit, mu, sigma = raw.unbind(-1)
        return logit, mu, functional.softplus(sigma).clamp(min=MIN_SIGMA)
