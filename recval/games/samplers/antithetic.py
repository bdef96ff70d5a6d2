"""Antithetic permutations: an order and its reverse, in one round.

Who comes early in one comes late in the other, so what a marginal contribution owes to the size of the coalition
cancels out in part. It pays where contributions shrink or grow steadily with the size, as those of data mostly do; a
round costs as much as two of `Permutation`, so little is lost where they do not. For two players it is exact.

Source: Mitchell, Cooper, Frank, Holmes, "Sampling permutations for Shapley value estimation", JMLR 2022, section 2.3.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from recval.games.game import Floats
from recval.games.samplers.base import Draw, Sampler
from recval.games.samplers.permutation import prefixes, size_weights, steps
from recval.games.semivalues import SemiValue


class Antithetic(Sampler):
    """One random order and its reverse a round."""

    kind: Literal["antithetic"] = "antithetic"

    def evaluations(self, n_players: int) -> int:
        """Return 2 (n - 1)."""
        return 2 * max(n_players - 1, 0)

    def draw(self, n_players: int, semivalue: SemiValue, generator: np.random.Generator) -> Draw:
        """Return the prefixes of an order, and those of its reverse."""
        place = generator.permutation(n_players)
        reverse = n_players - 1 - place
        weights = size_weights(n_players, semivalue)

        def estimate(values: Floats, null: float, grand: float) -> Floats:
            there, back = (weights * steps(half, null, grand) for half in np.split(values, 2))
            return (there[place] + back[reverse]) / 2

        return Draw(np.concatenate([prefixes(place), prefixes(reverse)]), estimate)
