"""Games whose semi-values are known in closed form, to test estimators on.

Each is a `Game` with `exact(semivalue)`, for every semi-value. Most are sums of games of which one knows what decides:
a player's marginal contribution is then a probability, the semi-value's `moment`. Sources are the textbooks' examples;
Peleg & Sudhölter, "Introduction to the theory of cooperative games", 2007, has most of them.

    for game in oracle_games().values():
        found = estimate(game, MyEstimator(), Shapley(), MaxRounds(rounds=4096), seed=0).values
        assert z_scores(found, game.exact(Shapley())).max() < 4.5
"""

from recval.testing.games.base import OracleGame, z_scores
from recval.testing.games.costs import AirportGame, SpanningTreeGame
from recval.testing.games.counts import GloveGame, VotingGame
from recval.testing.games.one_of_each import oracle_games
from recval.testing.games.sums import AdditiveGame, SymmetricGame, UnanimityGame

__all__ = [
    "AdditiveGame",
    "AirportGame",
    "GloveGame",
    "OracleGame",
    "SpanningTreeGame",
    "SymmetricGame",
    "UnanimityGame",
    "VotingGame",
    "oracle_games",
    "z_scores",
]
