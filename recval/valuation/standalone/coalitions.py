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

from collections.abc import Mapping
from typing import Annotated, Literal

from recval.data import Split
from recval.declarations import checked
from recval.errors import ConfigError, DataError
from recval.games import AnyEstimator, AnySemiValue, Permutation, Shapley, Stop, Values, estimate
from recval.rng import derive
from recval.valuation.recommender_games.game import RecommenderGame
from recval.valuation.recommender_games.grouping import AnyGrouping, Clusters
from recval.valuation.recommender_games.judges import check_metric
from recval.valuation.recommender_games.utilities import AnyUtility, Ease, Problem
from recval.valuation.standalone.base import StandaloneValuator, Valued, Valuing


class RecommenderGameValuator(StandaloneValuator):
    """Base of those that value the players of a recommender's game, and the interactions that they own.

    Attributes:
        players: who owns the training interactions.
        utility: what learns from a coalition's.
        metric: what judges it: a ranking metric of the validation part, or "bpr".
    """

    players: AnyGrouping = Clusters(kind="user-clusters")
    utility: AnyUtility = Ease()
    metric: Annotated[str, checked(check_metric)] = "ndcg@10"

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

    def game(self, valuing: Valuing) -> RecommenderGame:
        """Return the game."""
        self.check(valuing.split)
        train = valuing.split.train
        problem = Problem(train, valuing.split.valid, valuing.model, valuing.parameters, valuing.training, valuing.seed)
        players = self.players.players(train, derive(valuing.seed, "players"))
        return RecommenderGame(problem, players, self.utility, self.metric)

    def valued(self, game: RecommenderGame, found: Values, facts: Mapping[str, float | int | str]) -> Valued:
        """Return the values of the interactions, and of the players where these are others, with what there is to say.

        Args:
            game: the game.
            found: the values of its players.
            facts: what else was found.
        """
        facts = {
            "players": game.n_players,
            "value of nobody": game.null_value,
            "value of all": game.grand_value,
            **facts,
        }
        if self.players.kind == "interactions":
            return Valued(found, facts=facts)
        return Valued(game.players.spread(found, game.problem.train), found, game.players.of_row, facts)


class CoalitionValuator(RecommenderGameValuator):
    """Semi-values of the players, and of the interactions that they own.

    Attributes:
        semivalue: how marginal contributions to coalitions of different sizes are weighed.
        estimator: how they are sampled.
        stop: when to stop.
    """

    kind: Literal["game"] = "game"
    semivalue: AnySemiValue = Shapley()
    estimator: AnyEstimator = Permutation()
    stop: Stop = Stop(rounds=100)

    def value(self, valuing: Valuing) -> Valued:
        """Return the values of the training interactions, and of the players where these are others.

        Raises:
            ConfigError: the rule stops before the first round.
        """
        game = self.game(valuing)
        found = estimate(
            game,
            self.estimator,
            self.semivalue,
            self.stop,
            seed=derive(valuing.seed, "estimate"),
            executor=valuing.executor,
            checkpoint=valuing.checkpoint,
            players=game.players.table,
            report=valuing.report,
        )
        if not found.rounds:
            raise ConfigError(f"no round was made, so nothing is known ({found.reason}); have stop allow more")
        facts: dict[str, float | int | str] = {
            "rounds": found.rounds,
            "evaluations": found.evaluations,
            "stopped": found.reason,
            "popularity stood in": game.fallback_share(self.semivalue),
        }
        if isinstance(self.semivalue, Shapley):  # Other semi-values do not add up to anything.
            facts["efficiency gap"] = float(found.values.value.sum()) - (game.grand_value - game.null_value)
        return self.valued(game, found.values, facts)
