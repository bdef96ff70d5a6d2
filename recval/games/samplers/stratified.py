"""Stratified sampling: in one round every player joins a coalition of every size, exactly once.

The players stand in a circle, in a random order; player i joins the k players before it, for k = 0 … n - 1. These are
the n cyclic shifts of one order, and neighbours share their coalitions: all arcs of the circle, n (n - 1) evaluations.
The marginal contributions are weighed by p_k itself, so that no size is drawn by chance: good for every semi-value
where what a player adds depends on the size, as where v saturates, and where a round can be afforded. It loses where
pairs of players interact: one order is used n times, so whether a partner stands before or after a player is told n
times over by the same circle, and it takes about seven times the evaluations of `Permutation`
(`benchmarks/estimators.py`). Shapley estimates add up to v(N) - v(nobody) in every round.

Sources: Maleki, Tran-Thanh, Hines, Rahwan, Rogers, "Bounding the estimation error of sampling-based Shapley value
approximation", 2013 (strata by size); Mitchell et al., JMLR 2022, section 4.1 (orthogonal permutations).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from recval.games.game import Floats
from recval.games.samplers.base import Draw, Sampler
from recval.games.semivalues import SemiValue


class Stratified(Sampler):
    """All cyclic shifts of one random order a round."""

    kind: Literal["stratified"] = "stratified"

    def evaluations(self, n_players: int) -> int:
        """Return n (n - 1)."""
        return n_players * max(n_players - 1, 0)

    def draw(self, n_players: int, semivalue: SemiValue, generator: np.random.Generator) -> Draw:
        """Return the arcs that begin at place 0 with 1 … n - 1 players, then those that begin at place 1, and so on."""
        n = n_players
        place = generator.permutation(n)
        probabilities = semivalue.size_probabilities(n)
        sizes = np.arange(n)
        behind = (place - sizes[:, None]) % n  # [n begins, n]: how far behind the begin of the arc a player stands
        arcs = behind[:, None, :] < np.arange(1, n)[:, None]
        begins = (place[:, None] - sizes) % n  # [n, n sizes]: where the arc of the k players before a player begins

        def estimate(values: Floats, null: float, grand: float) -> Floats:
            reached = np.empty((n, n + 1))
            reached[:, 0], reached[:, 1:-1], reached[:, -1] = null, values.reshape(n, n - 1), grand
            return np.diff(reached)[begins, sizes] @ probabilities

        return Draw(arcs.reshape(-1, n), estimate)
