"""The game of a recommender: what a coalition of training interactions teaches, judged by the validation interactions.

The value of a coalition is the metric of the scores that the utility learns from the coalition's rows alone; of a
metric of which less is better it is minus that. Some things are the same for all coalitions:

- What a user has in the whole training part stays masked: an interaction that is dropped is not recommended either, as
  when the removal of interactions is tried. Otherwise a coalition would be paid for bringing back what it lacks.
- Users without any row are scored by the popularity of items among the kept rows: their number over that of users who
  have any. With no rows at all all items tie.
- Scores that differ by less than `TIE` are in a random order that follows from the seed; there are some, for the users
  to share. Otherwise the order of the item codes, which often follows popularity, would be worth something to nobody.

The test part is never looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from recval.games.game import Coalitions, Floats, Game
from recval.games.semivalues import SemiValue
from recval.ranking import Scorer
from recval.rng import numpy_generator
from recval.valuation.recommender_games.judges import judge_of
from recval.valuation.recommender_games.players import Players
from recval.valuation.recommender_games.utilities.base import Learner, Mask, Problem, Utility

TIE = 1e-7
"""Scores that differ by less count as equal. It is far above the rounding errors of scores in double precision."""
_ORDERS = 32
"""Random orders of the items, which the users share."""
_PREPARED = ("_learner", "_judge")


class RecommenderGame(Game):
    """A game of training interactions.

    Args:
        problem: the data, and how the backbone is trained.
        players: who owns the training interactions.
        utility: what learns from a coalition's.
        metric: a ranking metric of the validation part, or "bpr"; see `judge_of`.

    Raises:
        ConfigError: there is no such metric.
        DataError: nobody has a validation item, or the utility cannot learn from such data.
    """

    def __init__(self, problem: Problem, players: Players, utility: Utility, metric: str = "ndcg@10") -> None:
        utility.check(problem.train)
        self.n_players, self.batch_size = len(players), utility.batch_size
        self.problem, self.players, self.utility, self.metric = problem, players, utility, metric
        places = np.tile(np.arange(len(problem.train.items)), (_ORDERS, 1))
        self._places = TIE * numpy_generator(problem.seed, "ties").permuted(places, axis=1) / max(places.shape[1], 1)

    def value(self, coalitions: Coalitions) -> Floats:
        """Return the value of each coalition, shape [B]."""
        filled = coalitions @ (self.players.sizes > 0)
        learnt = self._learner.learn_each(row[self.players.of_row] for row in coalitions[filled])
        found = np.empty(len(coalitions))
        for index, coalition in enumerate(coalitions):
            kept = coalition[self.players.of_row]
            found[index] = self._judge(self._scorer(kept, next(learnt) if filled[index] else None))
        return found

    def fallback_share(self, semivalue: SemiValue) -> float:
        """Return the share of scored users that popularity stands in for, on average over coalitions.

        It is that of the semi-value's own coalitions: a user whose rows belong to m players has none of them with the
        probability that so many are absent.
        """
        valid, train = np.unique(self.problem.valid.user), self.problem.train
        owners = np.unique(train.user * self.n_players + self.players.of_row) // self.n_players
        number = np.bincount(owners, minlength=len(train.users))[valid]
        return float(semivalue.moment(np.zeros(len(valid)), number).mean())

    def _scorer(self, kept: Mask, learnt: Scorer | None) -> Scorer:
        """Return the scorer that popularity stands in for where a user has no rows, and ties are broken at random."""
        train = self.problem.train
        known = np.bincount(train.user[kept], minlength=len(train.users)) > 0
        counts = np.bincount(train.item[kept], minlength=len(train.items))
        popularity = torch.from_numpy(counts / max(int(known.sum()), 1))

        @torch.no_grad()
        def score(users: Tensor) -> Tensor:
            codes = users.cpu().numpy()
            strangers = torch.from_numpy(~known[codes])
            scores = popularity.expand(len(codes), -1) if learnt is None else learnt(users).double().cpu()
            scores = torch.where(strangers[:, None], popularity, scores) if strangers.any() else scores
            return scores + torch.from_numpy(self._places[codes % _ORDERS])

        return score

    @cached_property
    def _learner(self) -> Learner:
        return self.utility.prepare(self.problem)

    @cached_property
    def _judge(self) -> Callable[[Scorer], float]:
        return judge_of(self.metric, self.problem)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is prepared from the rest: a worker prepares it again."""
        return {name: value for name, value in self.__dict__.items() if name not in _PREPARED}
