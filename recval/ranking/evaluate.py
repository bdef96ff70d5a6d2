"""From a scorer to the value of each metric for each user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy.typing as npt
import pandas as pd

from recval.data import Interactions
from recval.errors import ConfigError, DataError
from recval.ranking.item_sets import ItemSets
from recval.ranking.lists import RankedLists
from recval.ranking.metrics import parse
from recval.ranking.top_k import BUDGET_BYTES, Scorer, top_k

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The metrics of one scorer.

    Attributes:
        per_user: one row a user that has held-out items, indexed by the user's code; one column a metric, float64,
            not rounded.
    """

    per_user: pd.DataFrame

    @cached_property
    def means(self) -> dict[str, float]:
        """The mean of each metric over the users, not rounded."""
        return {str(name): float(values.mean()) for name, values in self.per_user.items()}


class Evaluator:
    """Ranks all items once for each scorer and computes every metric from the same lists.

    It is built once and called for many scorers, for example after every epoch.

    Args:
        truth: the held-out interactions; users without any are not evaluated.
        seen: the items that are masked; `ItemSets.of(train)`, or `ItemSets.of(train, valid)` for the test part.
        metrics: names with cut-offs, such as "ndcg@10"; a repeated one counts once.
        users: codes of the only users to evaluate; all by default.
        budget_bytes: see `top_k`.
        device: see `top_k`.

    Attributes:
        users: the codes of the users that are evaluated, ascending.

    Raises:
        ConfigError: no metric is named, a metric is unknown, or its cut-off is wrong.
        DataError: no user is left to evaluate, or `truth` and `seen` are of different data.
    """

    def __init__(
        self,
        truth: Interactions,
        seen: ItemSets,
        metrics: Sequence[str],
        *,
        users: npt.ArrayLike | None = None,
        budget_bytes: int = BUDGET_BYTES,
        device: torch.device | str = "cpu",
    ) -> None:
        if not metrics:
            raise ConfigError("no metric is named; name at least one, such as 'ndcg@10'")
        self._metrics = {name: parse(name) for name in metrics}
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

    def __call__(self, score: Scorer) -> Evaluation:
        """Evaluate a scorer.

        Raises:
            ModelError: the scores have the wrong shape or type, or hold NaN or +inf.
        """
        longest = max(k for _, k in self._metrics.values())
        found = top_k(score, self.users, self._seen, longest, budget_bytes=self._budget_bytes, device=self._device)
        lists = RankedLists.of(found, self._truth)
        values = {name: metric.per_user(lists, k) for name, (metric, k) in self._metrics.items()}
        return Evaluation(pd.DataFrame(values, index=pd.Index(lists.users, name="user")))
