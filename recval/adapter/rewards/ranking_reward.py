"""Any ranking metric, or a weighted sum of several, measured on a fixed sample of validation users."""

from __future__ import annotations

import math
from collections.abc import Mapping

from recval.adapter.rewards.groups import check_groups
from recval.adapter.rewards.validation import ValidationUsers, evaluating
from recval.backbones import Backbone
from recval.data import Split
from recval.errors import ConfigError
from recval.ranking import Evaluator, ItemSets, Metric, parse


class RankingReward:
    """Ranking metrics on a fixed sample of validation users; higher is better, since lower-is-better ones are negated.

    However many metrics, the users are ranked once: one product of their vectors and all items', one selection.

    A metric of all lists together, such as gini, item-coverage or group-gap, is that of the sample's lists: U lists of
    K items fill U * K places. On few users item-coverage is lower and gini is higher than on all, so a value can be
    compared with others of the same `users` only.

    Args:
        metrics: a metric with its cut-off, as "ndcg@10"; or several with their weights, {"ndcg@10": 1, "gini@20": 0.5}.
        split: where the users and their held-out items come from.
        users: how many users; all, where there are fewer.
        seed: which users.
        device: where to compute.

    Raises:
        ConfigError: a metric is unknown, or compares groups of which the sample holds too few users.
        DataError: nobody has a validation item.
    """

    def __init__(
        self, metrics: str | Mapping[str, float], split: Split, *, users: int, seed: int, device: str = "cpu"
    ) -> None:
        self._weights = {metrics: 1.0} if isinstance(metrics, str) else dict(metrics)
        self._metrics = {name: parse(name)[0] for name in self._weights}
        sampled = ValidationUsers(split, users)
        for name, metric in self._metrics.items():
            check_groups(name, metric, split, sampled)
        self._evaluate = Evaluator(
            split.valid,
            ItemSets.of(split.train),
            list(self._weights),
            train=split.train,
            users=sampled.fixed(seed),
            device=device,
        )

    def __call__(self, backbone: Backbone) -> float:
        """Return the weighted sum of the metrics; the training mode is kept.

        Raises:
            ConfigError: a metric is not defined (NaN) for the lists of the sampled users.
        """
        with evaluating(backbone):
            means = self._evaluate(backbone.score).means
        total = 0.0
        for name, weight in self._weights.items():
            if math.isnan(means[name]):
                raise ConfigError(undefined(name, self._metrics[name], len(self._evaluate.users)))
            total += (-weight if self._metrics[name].lower_is_better else weight) * means[name]
        return total


def undefined(name: str, metric: Metric, users: int) -> str:
    """Return the message for a metric that is NaN over all users of a look."""
    found = " and ".join(f"{kind} {given!r}" for kind, given in zip(metric.parameters, metric.arguments, strict=True))
    reason = f"too few listed items have what it needs ({found})" if found else "it has no value for any of the lists"
    return (
        f"the reward {name!r} is NaN on the {users} sampled validation users: {reason}; "
        "raise users, or choose another reward"
    )
