"""One oracle game of each kind."""

from __future__ import annotations

import numpy as np

from recval.testing.games.base import OracleGame
from recval.testing.games.costs import AirportGame, SpanningTreeGame
from recval.testing.games.counts import GloveGame, VotingGame
from recval.testing.games.sums import AdditiveGame, SymmetricGame, UnanimityGame


def oracle_games() -> dict[str, OracleGame]:
    """Return one game of each kind, of six to eight players, by name."""
    rng = np.random.default_rng(0)
    groups = [rng.choice(7, size=size, replace=False).tolist() for size in (1, 1, 2, 2, 2, 3, 3, 4, 5, 7)]
    return {
        "additive": AdditiveGame([3.0, -1.0, 0.0, 0.5, 2.0, 1e-3]),
        "symmetric": SymmetricGame(np.sqrt(np.arange(8)) + 0.25),
        "unanimity": UnanimityGame(7, [([], 0.5), *zip(groups, rng.normal(size=len(groups)), strict=True)]),
        "airport": AirportGame([1, 1, 2, 5, 3, 5, 8]),
        "glove": GloveGame(2, 5),
        "voting": VotingGame([5, 4, 3, 3, 2, 2, 1], quota=11),
        "spanning tree": SpanningTreeGame([1, 2, 4], far=[3, 7, 5], near=[3, 2, 1]),
    }
