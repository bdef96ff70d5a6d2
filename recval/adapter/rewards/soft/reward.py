"""A weighted sum of soft metrics on a fresh sample of validation users."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from recval.adapter.rewards.groups import check_groups
from recval.adapter.rewards.ranking_reward import undefined
from recval.adapter.rewards.soft.form import FORMS, parse_soft
from recval.adapter.rewards.soft.lists import TEMPERATURE, SoftLists
from recval.adapter.rewards.soft.tensors import ContextTensors
from recval.adapter.rewards.validation import ValidationUsers, evaluating
from recval.backbones import Backbone
from recval.data import Split
from recval.errors import ConfigError, ModelError


class SoftReward:
    """Soft metrics on a fresh sample of validation users a call; higher is better, as in `RankingReward`.

    However many metrics, the users are scored once. Training items are masked; validation items are the truth.

    Args:
        metrics: the weights by name, as {"soft-ndcg@10": 1, "soft-gini@20": 0.5}.
        split: where the users and their held-out items come from.
        users: users a call; all, where there are fewer.
        device: where to compute.
        temperature: how soft the lists are; see `recval.adapter.rewards.soft.lists`.

    Raises:
        ConfigError: a metric has no soft form, needs a field that the data lacks, or compares groups of which a sample
            holds too few users.
        DataError: nobody has a validation item.
    """

    def __init__(
        self,
        metrics: Mapping[str, float],
        split: Split,
        *,
        users: int,
        device: str = "cpu",
        temperature: float = TEMPERATURE,
    ) -> None:
        self._parts = [(name, *parse_soft(name), weight) for name, weight in metrics.items()]
        self._users = ValidationUsers(split, users)
        self._context = ContextTensors(split, device)
        self._device, self._temperature = device, temperature
        for name, metric, _, _ in self._parts:
            metric.check(self._context.context)
            check_groups(name, metric, split, self._users)

    def __call__(self, backbone: Backbone, generator: torch.Generator) -> Tensor:
        """Return the weighted sum, a scalar attached to the parameters; the training mode is kept.

        Raises:
            ConfigError: a metric is not defined (NaN) for the lists of the sampled users.
            ModelError: the backbone's scores have no gradient.
        """
        users = self._users.fresh(generator)
        with evaluating(backbone):
            scores = backbone.attached_score(torch.from_numpy(users).to(self._device))
        if not scores.requires_grad:
            raise ModelError(
                f"the scores of {type(backbone).__name__} have no gradient, which {self._parts[0][0]!r} needs; choose "
                "'bpr' or a ranking metric, or write the model's attached_score(users)"
            )
        cut_offs = {k for _, _, k, _ in self._parts}
        lists = {k: SoftLists.of(scores, users, k, self._context, self._temperature) for k in cut_offs}
        total = scores.new_zeros(())
        for name, metric, k, weight in self._parts:
            value = FORMS[metric.name](lists[k], *metric.arguments).nanmean()
            if value.isnan():
                raise ConfigError(undefined(name, metric, len(users)))
            total = total + (-weight if metric.lower_is_better else weight) * value
        return total
