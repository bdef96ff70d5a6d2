"""The least core of a recommender's game: pay for the players that leaves no coalition much worse off than alone.

    players: {kind: user-clusters, number: 50}
    utility: {kind: ease}
    metric: ndcg@10
    constraints: 1000

When to use it: where groups of users or partners could take their data away together, and as a second opinion on the
values of a `game`. It costs two evaluations a constraint, whatever the number of players, and no more rounds than that
one: so there are no standard errors, and a worthless player may be paid. `violated` among the facts says how far the
drawn coalitions bind the others; it takes about 20 constraints a player to bring it to 5 %.

Source: Yan & Procaccia, "If you like Shapley then you'll love the core", AAAI 2021. See `recval.games.least_core`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveInt

from recval.games.least_core import LeastCore, least_core
from recval.rng import derive
from recval.valuation.standalone.base import Valued, Valuing
from recval.valuation.standalone.coalitions import RecommenderGameValuator


class LeastCoreValuator(RecommenderGameValuator):
    """Payoffs of the least core, of the players and of the interactions that they own.

    Attributes:
        constraints: how many pairs of a coalition and its complement are drawn; None: all coalitions, of 15 players at
            most.
    """

    kind: Literal["least-core"] = "least-core"
    constraints: PositiveInt | None = 1000

    def value(self, valuing: Valuing) -> Valued:
        """Return the payoffs of the training interactions, and of the players where these are others.

        Raises:
            ConfigError: there are too many players for all coalitions.
        """
        game = self.game(valuing)
        found = least_core(
            game,
            LeastCore(constraints=self.constraints),
            seed=derive(valuing.seed, "least core"),
            executor=valuing.executor,
            checkpoint=valuing.checkpoint,
            players=game.players.table,
            report=valuing.report,
        )
        facts = {"evaluations": found.evaluations, "deficit": found.deficit, "violated": found.violated}
        return self.valued(game, found.values, facts)
