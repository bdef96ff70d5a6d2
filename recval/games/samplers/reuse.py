r"""Maximum sample reuse: every coalition that is evaluated tells of all players, those in it and those not.

.. math::
    \phi_i = \frac{v(N) - v(\emptyset)}{n} + E_S\left[ w_i(S) \left( v(S) - c_{|S|} \right) \right], \qquad
    w_i(S) = \frac{n}{\pi_s} \cdot \begin{cases} p_{s-1} / s & i \in S \\ -p_s / (n - s) & i \notin S \end{cases}

where :math:`S` is drawn by its size :math:`s` in 1 … n - 1, with probability :math:`\pi_s`, and then uniformly among
the coalitions of that size. The weights make it unbiased for every semi-value, whatever :math:`c` (Horvitz, Thompson,
1952): a game that depends on the size alone has the value :math:`\sum_k p_k (c_{k+1} - c_k)`, which is the first term
for the line :math:`c` from :math:`v(\emptyset)` to :math:`v(N)`. It takes off what would only be noise.
Shapley estimates add up to :math:`v(N) - v(\emptyset)` in every round.
:math:`\pi_s \propto \sqrt{p_{s-1}^2 / s + p_s^2 / (n - s)}` makes the variance least if the rest is alike at all sizes.

One coalition tells of all players, but of each by a value and not by a difference: it pays for `Banzhaf` and for many
players whose marginal contributions are not small beside the spread of v; else `Owen` or `Permutation` is better.

Sources: Wang & Jia, "Data Banzhaf", AISTATS 2023, section 4.2 (Banzhaf); Musco & Witter, "Provably accurate Shapley
value estimation via leverage score sampling", ICLR 2025 (sizes); Li & Yu, "One sample fits all", NeurIPS 2024.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from recval.games.game import Floats
from recval.games.samplers.base import Draw, Sampler
from recval.games.semivalues import SemiValue


class Reuse(Sampler):
    """Some random coalitions a round, each used for all players.

    Attributes:
        coalitions: how many; their sizes are spread evenly over the distribution of sizes.
    """

    kind: Literal["reuse"] = "reuse"
    coalitions: int = Field(64, ge=1)

    def evaluations(self, n_players: int) -> int:
        """Return the number of coalitions."""
        return self.coalitions if n_players > 1 else 0

    def draw(self, n_players: int, semivalue: SemiValue, generator: np.random.Generator) -> Draw:
        """Return coalitions of random sizes."""
        n = n_players
        if n == 1:
            return Draw(np.zeros((0, 1), np.bool_), lambda values, null, grand: np.array([grand - null]))
        sizes = np.arange(1, n)
        probabilities = semivalue.size_probabilities(n)
        present, absent = n * probabilities[:-1] / sizes, n * probabilities[1:] / (n - sizes)
        chances = np.sqrt(sizes * present**2 + (n - sizes) * absent**2)
        reached = np.cumsum(chances)
        # Shares in (0, 1], so that no size is met whose chance is 0.
        shares = (np.arange(self.coalitions) + 1 - generator.random(self.coalitions)) / self.coalitions
        drawn = np.searchsorted(reached, shares * reached[-1])
        members = generator.permuted(np.tile(np.arange(n), (len(drawn), 1)), axis=1) < sizes[drawn][:, None]
        weights = np.where(members, present[drawn][:, None], -absent[drawn][:, None])
        weights /= (chances[drawn] / reached[-1] * self.coalitions)[:, None]
        line = sizes[drawn] / n

        def estimate(values: Floats, null: float, grand: float) -> Floats:
            return (grand - null) / n + (values - null - (grand - null) * line) @ weights

        return Draw(members, estimate)
