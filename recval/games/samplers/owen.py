"""Owen sampling: every player joins with the probability q, for q spread evenly over its distribution.

A semi-value is the mean over q of the mean marginal contribution to coalitions that each other player is in with
probability q. A draw at one q is a coalition and, for every player, the same coalition with the player in or out: n + 1
evaluations give each player one marginal contribution. The distribution of q is cut into equal parts, with one q drawn
in each, so that nothing is left out and nothing is biased. With `halving`, q stays in the lower half of a symmetric
distribution and each coalition is used with its complement, whose q is 1 - q.

For semi-values that are far from Shapley's (`Banzhaf`, `Beta`), whose sizes an order meets seldom. Estimates do not add
up to v(N) - v(nobody).

Sources: Owen, "Multilinear extensions of games", 1972; Okhrati & Lipani, "A multilinear sampling algorithm to estimate
Shapley values", ICPR 2020.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from recval.errors import ConfigError
from recval.games.game import Floats
from recval.games.samplers.base import Draw, Sampler
from recval.games.semivalues import SemiValue


class Owen(Sampler):
    """One draw in each part of the distribution of q, a round.

    Attributes:
        quantiles: how many parts.
        halving: whether q stays in the lower half, and each coalition is used with its complement.
    """

    kind: Literal["owen"] = "owen"
    quantiles: int = Field(4, ge=1)
    halving: bool = False

    def check(self, n_players: int, semivalue: SemiValue) -> None:
        """Refuse halving for semi-values that are not symmetric.

        Raises:
            ConfigError: 1 - q is not distributed as q is, or a round is too large.
        """
        super().check(n_players, semivalue)
        shares = np.array([0.1, 0.25, 0.4])
        if self.halving and not np.allclose(semivalue.quantile(shares) + semivalue.quantile(1 - shares), 1):
            raise ConfigError(
                f"halving needs a semi-value that is symmetric in presence and absence, {semivalue!r} is not: leave "
                "it out"
            )

    def evaluations(self, n_players: int) -> int:
        """Return n + 1 for every coalition that is drawn."""
        return self.quantiles * (2 if self.halving else 1) * (n_players + 1)

    def draw(self, n_players: int, semivalue: SemiValue, generator: np.random.Generator) -> Draw:
        """Return each coalition that is drawn, followed by those with one player in or out."""
        n = n_players
        shares = (np.arange(self.quantiles) + generator.random(self.quantiles)) / self.quantiles
        inclusion = semivalue.quantile(shares / 2 if self.halving else shares)
        drawn = generator.random((self.quantiles, n)) < inclusion[:, None]
        drawn = np.concatenate([drawn, ~drawn]) if self.halving else drawn
        flips = np.concatenate([np.zeros((1, n), np.bool_), np.eye(n, dtype=np.bool_)])

        def estimate(values: Floats, null: float, grand: float) -> Floats:
            reached = values.reshape(-1, n + 1)
            changes = reached[:, 1:] - reached[:, :1]
            return np.where(drawn, -changes, changes).mean(axis=0)

        return Draw((drawn[:, None] ^ flips).reshape(-1, n), estimate)
