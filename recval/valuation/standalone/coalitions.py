"""Games of coalitions: players own training interactions, and a semi-value says what each adds on the validation part.

    players: {kind: user-clusters, number: 100}
    utility: {kind: ease}
    metric: ndcg@10
    semivalue: {kind: shapley}
    estimator: {kind: permutation}
    stop: {rounds: 100}

How to choose. Players: what is to be judged, as few as answer the question; a round costs about as many evaluations as
there are players. Utility: `ease` where the catalogue is small enough for it, `neighbours` where not, `retrain` with
few clusters where only the model itself will do. Metric: `bpr` settles in fewer rounds than a ranking metric.

When not to use it: to find single wrong interactions. Players of more than one interaction give all of theirs the same
value, and with each interaction a player, no budget settles their order; k-NN Shapley and closed-form leave-one-out
value every interaction in one pass.

Sources: Ghorbani & Zou, "Data Shapley", ICML 2019; Kwon & Zou, AISTATS 2022; Wang & Jia, AISTATS 2023.
"""

from __future__ import annotations

from typing import Annotated, Literal

from recval.data import Split
from recval.declarations import checked
from recval.errors import DataError
from recval.games import AnyEstimator, AnySemiValue, Estimate, Permutation, Shapley, Stop, estimate
from recval.rng import derive
from recval.valuation.recommender_games.game import RecommenderGame
from recval.valuation.recommender_games.grouping import AnyGrouping, Clusters
from recval.valuation.recommender_games.judges import check_metric
from recval.valuation.recommender_games.utilities import AnyUtility, Ease, Problem
from recval.valuation.standalone.base import StandaloneValuator, Valued, Valuing


class CoalitionValuator(StandaloneValuator):
    """Values of the players of a recommender's game, and of the interactions that they own.

    Attributes:
        players: who owns the training interactions.
        utility: what learns from a coalition's.
        metric: what judges it: a ranking metric of the validation part, or "bpr".
        semivalue: how marginal contributions to coalitions of different sizes are weighed.
        estimator: how they are sampled.
        stop: when to stop.
    """

    kind: Literal["game"] = "game"
    players: AnyGrouping = Clusters(kind="user-clusters")
    utility: AnyUtility = Ease()
    metric: Annotated[str, checked(check_metric)] = "ndcg@10"
    semivalue: AnySemiValue = Shapley()
    estimator: AnyEstimator = Permutation()
    stop: Stop = Stop(rounds=100)

    def check(self, split: Split) -> None:
        """Refuse data without a validation part, without a field that is named, or that the utility cannot learn from.

        Raises:
            ConfigError: the data lacks the field.
            DataError: there is nothing to judge by, or the catalogue is too large.
        """
        if len(split.valid) == 0:
            raise DataError("coalitions are judged by validation interactions, and there are none; split some off")
        self.players.check(split.train)
        self.utility.check(split.train)

    def value(self, valuing: Valuing) -> Valued:
        """Return the values of the training interactions, and of the players where these are others."""
        self.check(valuing.split)
        train = valuing.split.train
        problem = Problem(train, valuing.split.valid, valuing.model, valuing.parameters, valuing.training, valuing.seed)
        players = self.players.players(train, derive(valuing.seed, "players"))
        game = RecommenderGame(problem, players, self.utility, self.metric)
        found = estimate(
            game,
            self.estimator,
            self.semivalue,
            self.stop,
            seed=derive(valuing.seed, "estimate"),
            executor=valuing.executor,
            checkpoint=valuing.checkpoint,
            players=players.table,
            report=valuing.report,
        )
        facts = self._facts(game, found)
        if self.players.kind == "interactions":
            return Valued(found.values, facts=facts)
        return Valued(players.spread(found.values, train), found.values, players.of_row, facts)

    def _facts(self, game: RecommenderGame, found: Estimate) -> dict[str, float | int | str]:
        """Return what there is to say of an estimate; only Shapley's values have a gap to v(all) - v(nobody)."""
        facts: dict[str, float | int | str] = {
            "players": game.n_players,
            "rounds": found.rounds,
            "evaluations": found.evaluations,
            "stopped": found.reason,
            "value of nobody": game.null_value,
            "value of all": game.grand_value,
            "popularity stood in": game.fallback_share(self.semivalue),
        }
        if isinstance(self.semivalue, Shapley):
            facts["efficiency gap"] = float(found.values.value.sum()) - (game.grand_value - game.null_value)
        return facts
