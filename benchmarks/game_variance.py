"""How much less do permutation estimates of Shapley's value vary with control variates, for the same evaluations?

The game is EASE's on ml-100k: clusters of users, a coalition is worth the ndcg@10 of the validation part. Plain
permutations, and the same ones with a surrogate as control variate; what it takes to fit the surrogate is paid for by
permutations that are not drawn. The variances are added up over the players. The details have other surrogates, a
smooth metric, and single users as players.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from harness import Comparison, main

from recval.data import load, split_by_ratio
from recval.engine import Serial
from recval.games import Game, Permutation, Shapley
from recval.games.estimators.control_variates import ControlVariates
from recval.games.game import Coalitions, Floats
from recval.games.surrogates import Quadratic, Sizes, SurrogateModel
from recval.valuation.recommender_games import (
    AnyGrouping,
    Clusters,
    Ease,
    OneEach,
    Problem,
    RecommenderGame,
)

PERMUTATIONS = 64
"""What is compared is the variance for as many evaluations as so many plain permutations take."""
BLOCKS = 3
SEED = 0


class Remembering(Game):
    """A game that evaluates no coalition twice, so that both sides can meet the same permutations."""

    def __init__(self, game: RecommenderGame) -> None:
        self.n_players, self.batch_size = game.n_players, game.batch_size
        self._game, self._known = game, dict[bytes, float]()

    def value(self, coalitions: Coalitions) -> Floats:
        """Return the values, of which only new ones are evaluated."""
        keys = [row.tobytes() for row in np.packbits(coalitions, axis=1)]
        new = [position for position, key in enumerate(keys) if key not in self._known]
        found = self._game.value(coalitions[new])
        self._known.update(zip((keys[position] for position in new), found.tolist(), strict=True))
        return np.array([self._known[key] for key in keys])


def variances(game: Game, surrogate: SurrogateModel | None, rounds: int) -> list[float]:
    """Return the variance of the estimate at `PERMUTATIONS`, of each block of rounds, added up over the players."""
    estimator = Permutation() if surrogate is None else ControlVariates(surrogate=surrogate, beta="one")
    made = estimator.prepare(game, Shapley(), SEED, Serial())
    left = PERMUTATIONS - made.preparation / (game.n_players - 1)
    estimates = [made.make(range(start, start + rounds), SEED)[0] for start in range(0, BLOCKS * rounds, rounds)]
    return [float(block.var(axis=0, ddof=1).sum() / left) for block in estimates]


def compared(
    players: AnyGrouping, metric: str, rounds: int, surrogates: Sequence[SurrogateModel]
) -> tuple[list[float], list[list[float]], int]:
    """Return the variances of plain permutations and with each surrogate, and the number of players."""
    split = split_by_ratio(load("ml-100k"))
    owners = players.players(split.train, SEED)
    game = Remembering(RecommenderGame(Problem(split.train, split.valid, seed=SEED), owners, Ease(), metric))
    plain = variances(game, None, rounds)
    return plain, [variances(game, surrogate, rounds) for surrogate in surrogates], game.n_players


def details(players: AnyGrouping, metric: str, rounds: int, surrogates: Sequence[SurrogateModel]) -> list[object]:
    """Return the ratio of variances of each surrogate."""
    plain, controlled, n_players = compared(players, metric, rounds, surrogates)
    return [
        {
            "players": n_players,
            "metric": metric,
            "surrogate": surrogate.model_dump(mode="json"),
            "ratio": float(np.median(np.divide(plain, found))),
            "evaluations to fit": surrogate.evaluations(n_players),
            "permutations": BLOCKS * rounds,
        }
        for surrogate, found in zip(surrogates, controlled, strict=True)
    ]


def measure(quick: bool) -> Comparison:
    """Return the variances of both sides."""
    import torch

    torch.set_num_threads(1)
    clusters = Clusters(kind="user-clusters", number=40 if quick else 100)
    rounds = 4 if quick else 8
    evaluations = Sizes().evaluations(clusters.number)
    others = [] if quick else [Sizes(alone=False), Quadratic(coalitions=evaluations)]
    plain, (ours, *rest), n_players = compared(clusters, "ndcg@10", rounds, [Sizes(), *others])
    found: list[object] = [
        {"surrogate": surrogate.model_dump(mode="json"), "ratio": float(np.median(np.divide(plain, each)))}
        for surrogate, each in zip(others, rest, strict=True)
    ]
    if not quick:
        found += details(clusters, "bpr", rounds, [Sizes()])
        found += details(OneEach(kind="users"), "ndcg@10", 2, [Sizes()])
    return Comparison(
        question="How much less do Shapley values vary with control variates, at the same evaluations?",
        ours=ours,
        peer=plain,
        peer_name="plain permutations",
        goal=3.0,
        unit=f"variance added up over the players, at the evaluations of {PERMUTATIONS} permutations, fitting included",
        size=f"EASE on ml-100k, ndcg@10, {n_players} clusters of users, {BLOCKS * rounds} permutations",
        details={"others": found},
    )


if __name__ == "__main__":
    main(measure)
