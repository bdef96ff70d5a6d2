"""From a scorer to the value of each metric, for each user and for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy.typing as npt
import pandas as pd

from recval.data import Interactions
from recval.errors import ConfigError, DataError
from recval.ranking.context import Context
from recval.ranking.item_sets import ItemSets
from recval.ranking.lists import RankedLists
from recval.ranking.metrics import parse
from recval.ranking.ranks import RankCounter
from recval.ranking.sampled import Sampled
from recval.ranking.top_k import BUDGET_BYTES, Scorer, top_k
from recval.rng import RandomSource

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The metrics of one scorer, not rounded.

    Attributes:
        per_user: one row a user that has held-out items, indexed by the user's code (of predictions: by the user's own
            id); one column a metric that each user has a value of, float64, NaN where it is not defined.
        means: the value of every metric: its mean over the users for whom it is defined; or, of a metric of all lists
            together such as "gini@10", that value.
        coded: whether users are told by their codes.
    """

    per_user: pd.DataFrame
    means: dict[str, float]
    coded: bool = True


class Evaluator:
    """Ranks all items once for each scorer and computes every metric from the same lists.

    It is built once and called for many scorers, for example after every epoch.

    Args:
        truth: the held-out interactions; users without any are not evaluated. Its users and items have the side
            fields that metrics name in brackets.
        seen: the items that are masked; `ItemSets.of(train)`, or `ItemSets.of(train, valid)` for the test part.
        metrics: names with cut-offs, such as "ndcg@10"; a repeated one counts once.
        train: the interactions that the popularity of items is counted in; only some metrics need them.
        item_vectors: vectors by name, each of shape [n_items, d], for "intra-list-distance[NAME]@10".
        users: codes of the only users to evaluate; all by default.
        budget_bytes: see `top_k`.
        device: see `top_k`.
        candidates: how many random unseen items the held-out ones are ranked among, instead of all; see `Sampled`,
            which warns.
        rng: what these are drawn with.

    Attributes:
        users: the codes of the users that are evaluated, ascending.

    Raises:
        ConfigError: no metric is named, a metric or a field in its brackets is unknown, its cut-off is wrong, or it
            has no sampled form.
        DataError: no user is left to evaluate, or `truth` and `seen` are of different data.
    """

    def __init__(
        self,
        truth: Interactions,
        seen: ItemSets,
        metrics: Sequence[str],
        *,
        train: Interactions | None = None,
        item_vectors: Mapping[str, npt.ArrayLike] | None = None,
        users: npt.ArrayLike | None = None,
        budget_bytes: int = BUDGET_BYTES,
        device: torch.device | str = "cpu",
        candidates: int | None = None,
        rng: RandomSource = 0,
    ) -> None:
        if not metrics:
            raise ConfigError("no metric is named; name at least one, such as 'ndcg@10'")
        self._metrics = {name: parse(name) for name in metrics}
        self._longest = max(k or 1 for _, k in self._metrics.values())
        self._whole = [name for name, (metric, _) in self._metrics.items() if metric.whole_ranking]
        self._truth = ItemSets.of(truth)
        self._seen = seen
        self._budget_bytes = budget_bytes
        self._device = device
        if (seen.n_users, seen.n_items) != (self._truth.n_users, self._truth.n_items):
            raise DataError(
                f"truth and seen must be of the same data: found {self._truth.n_users:,} users and "
                f"{self._truth.n_items:,} items, against {seen.n_users:,} and {seen.n_items:,}"
            )
        self.users = self._truth.nonempty(users)
        if len(self.users) == 0:
            raise DataError(f"none of the users to evaluate has a held-out item ({len(truth):,} items are held out)")
        self._context = Context(truth.users, truth.items, self._truth, seen, train, item_vectors or {})
        for metric, _ in self._metrics.values():
            metric.check(self._context)
        unsampled = [name for name, (metric, _) in self._metrics.items() if metric.overall]
        if candidates is not None and (self._whole or unsampled):
            name = [*self._whole, *unsampled][0]
            raise ConfigError(f"{name!r} looks at all items, of which a sample says nothing; leave out candidates=")
        self._sampled = None if candidates is None else Sampled(self._truth, seen, self.users, candidates, rng)

    def __call__(self, score: Scorer) -> Evaluation:
        """Evaluate a scorer.

        Raises:
            ConfigError: a metric needs what was not given, such as the training interactions.
            ModelError: the scores have the wrong shape or type, or hold NaN or +inf.
        """
        lists = self._ranked(score if self._sampled is None else self._sampled.of(score))
        per_user, means = {}, {}
        for name, (metric, k) in self._metrics.items():
            if metric.overall:
                means[name] = metric.of_all(lists, k)
            else:
                per_user[name] = metric.per_user(lists, k)
        frame = pd.DataFrame(per_user, index=pd.Index(lists.users, name="user"))
        return Evaluation(
            frame, {name: means[name] if name in means else float(frame[name].mean()) for name in self._metrics}
        )

    def _ranked(self, score: Scorer) -> RankedLists:
        """Return the lists of all users, with the ranks in the whole ranking where a metric needs them."""
        budget, device = self._budget_bytes, self._device
        if not self._whole:
            found = top_k(score, self.users, self._seen, self._longest, budget_bytes=budget, device=device)
            return RankedLists.of(found, self._truth, self._context)
        counter = RankCounter(self.users, self._seen, self._truth)
        found = top_k(
            score, self.users, self._seen, self._longest, budget_bytes=budget, device=device, visit=counter.visit
        )
        return replace(RankedLists.of(found, self._truth, self._context), ranks=counter.ranks())
