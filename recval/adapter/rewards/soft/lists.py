r"""Soft top-K lists: how much each item is in each user's list, from 0 to 1, with a gradient.

The membership of item i in the list of user u is

.. math:: m_{ui} = \sigma((s_{ui} - t_u) / \tau_u), \qquad \sum_i m_{ui} = K

over the first items of the user's ranking, which `_DEPTH` bounds; items that the user has seen are in no list. The
second equation is solved for the threshold t_u, and the gradient knows it: what lifts one item into the list pushes the
others out. tau_u is a fraction of the standard deviation of these items' scores and a constant of the gradient. So
neither a shift nor a scale of the scores changes a membership, and as the fraction goes to 0, memberships become the
ones and zeros of the real list where no two scores are equal.

References:
    Qin, Liu and Li. "A general approximation framework for direct optimization of information retrieval measures."
    Information Retrieval 2010, section 4: sigmoids for what is above what, and for what is above the cut-off.
    Xie et al. "Differentiable top-k with optimal transport." NeurIPS 2020: memberships that sum to K, as a projection.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from recval.adapter.rewards.soft.tensors import ContextTensors
from recval.data.interactions import Codes
from recval.errors import ModelError
from recval.ranking import ItemSets

TEMPERATURE = 0.2
"""tau_u in standard deviations of the scores of the first items."""

_DEPTH = 5
"""Memberships are shared out among the first `_DEPTH * K` items of a ranking; what comes later has none."""

_HALVINGS = 20
_LEAST_SLOPE = 1e-3
_NEVER_ABSENT = 1e-6


@dataclass(frozen=True, eq=False)
class SoftLists:
    """Soft lists of users, held against the truth: as `RankedLists`, with memberships.

    Attributes:
        users: the users' codes, shape [U].
        k: the cut-off K.
        items: the codes of the first D items, best first, shape [U, D]; D is `_DEPTH` times K, or all items.
        scores: their scores, -inf where a user has no further item, shape [U, D].
        membership: how much each is in the list, from 0 to 1, shape [U, D].
        temperature: tau_u, shape [U, 1].
        hits: whether each was held out, shape [U, D].
        relevant: number of items held out for each user, at least 1, shape [U].
        context: what is known of items and users.
    """

    users: Codes
    k: int
    items: Tensor
    scores: Tensor
    membership: Tensor
    temperature: Tensor
    hits: Tensor
    relevant: Tensor
    context: ContextTensors

    @classmethod
    def of(
        cls, scores: Tensor, users: Codes, k: int, context: ContextTensors, temperature: float = TEMPERATURE
    ) -> SoftLists:
        """Make the lists of users from the scores of all items.

        Args:
            scores: higher is better, shape [U, n_items], with a graph. What is -inf is in no list.
            users: the users' codes, shape [U]; each has a held-out item.
            k: the cut-off.
            context: what is held out and what was seen, and what is known of items and users.
            temperature: tau_u in standard deviations of the scores of the first items, above 0.

        Raises:
            ModelError: a score is NaN or +inf.
        """
        masked = scores.index_put(_cells(context.seen, users, scores), scores.new_tensor(-torch.inf))
        first, items = masked.topk(min(_DEPTH * k, scores.shape[1]), dim=1)
        if not (first[:, 0] < torch.inf).all():
            raise ModelError(
                "a score is NaN or +inf: the model diverged; train it with a lower learning rate or more regularisation"
            )
        listed = first > -torch.inf
        tau = temperature * _spread(first.detach(), listed)
        hits = torch.from_numpy(context.truth.contains(users, items.cpu().numpy())).to(scores.device) & listed
        relevant = torch.from_numpy(context.truth.counts[users]).to(scores)
        return cls(users, k, items, first, _memberships(first, listed, tau, k), tau, hits, relevant, context)

    @property
    def hit_membership(self) -> Tensor:
        """How much of what is held out is in each list, shape [U]."""
        return (self.membership * self.hits).sum(1)

    @property
    def log_absence(self) -> Tensor:
        """log(1 - m_ui), held finite, shape [U, D]."""
        return torch.log1p(-self.membership.clamp(max=1 - _NEVER_ABSENT))

    @cached_property
    def counts(self) -> Tensor:
        """The sum of each item's memberships over all lists, shape [n_items]."""
        return self.sum_by_item(self.membership)

    def sum_by_item(self, values: Tensor) -> Tensor:
        """Return the sum over all lists of values of the listed items, shape [U, D], for each item, shape [n_items]."""
        return values.new_zeros(self.context.n_items).index_add(0, self.items.flatten(), values.flatten())

    def mean_of(self, values: Tensor) -> Tensor:
        """Return the mean over each soft list of what is known of every item; NaN for an empty list; shape [U].

        Args:
            values: shape [n_items].
        """
        return ratio((self.membership * values[self.items]).sum(1), self.membership.sum(1))


def ratio(above: Tensor, below: Tensor) -> Tensor:
    """Return above / below; NaN without a gradient where below is not above 0."""
    defined = below > 0
    return torch.where(defined, above / torch.where(defined, below, 1.0), torch.nan)


def _cells(sets: ItemSets, users: Codes, like: Tensor) -> tuple[Tensor, Tensor]:
    rows, items = (torch.from_numpy(part).to(like.device) for part in sets.cells(users))
    return rows, items


def _spread(scores: Tensor, listed: Tensor) -> Tensor:
    """Return the standard deviation of each user's finite scores, 1 where they are all equal, shape [U, 1]."""
    number = listed.sum(1, keepdim=True).clamp(min=1)
    mean = torch.where(listed, scores, 0.0).sum(1, keepdim=True) / number
    variance = torch.where(listed, scores - mean, 0.0).square().sum(1, keepdim=True) / number
    return torch.where(variance > 0, variance, 1.0).sqrt()


def _memberships(scores: Tensor, listed: Tensor, tau: Tensor, k: int) -> Tensor:
    """Return sigmoid((score - t) / tau) with t such that a user's memberships sum to K; all 1 for K items or fewer.

    The last step to t is one of Newton's method with a graph, which gives t the gradient of the implicit function.
    """
    level = _level(scores.detach(), listed, tau, k)
    scores = torch.where(listed, scores, 0.0)  # The difference of two infinities would make every gradient NaN.
    rough = torch.where(listed, torch.sigmoid((scores - level) / tau), 0.0)
    slope = (rough * (1 - rough)).detach().sum(1, keepdim=True).clamp(min=_LEAST_SLOPE)
    level = level + tau * (rough.sum(1, keepdim=True) - k) / slope
    return torch.where(listed, torch.sigmoid((scores - level) / tau), 0.0)


def _level(scores: Tensor, listed: Tensor, tau: Tensor, k: int) -> Tensor:
    """Return t by bisection, shape [U, 1]; -inf for a user of K items or fewer."""
    number = listed.sum(1, keepdim=True)
    # If all n scores were equal, t would lie tau * logit(K / n) below them; so it does below the lowest and highest.
    offset = tau * torch.logit(k / number.clamp(min=k + 1).to(scores))
    low = torch.where(listed, scores, torch.inf).amin(1, keepdim=True) - offset
    high = scores[:, :1] - offset
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        too_many = torch.where(listed, torch.sigmoid((scores - middle) / tau), 0.0).sum(1, keepdim=True) > k
        low, high = torch.where(too_many, middle, low), torch.where(too_many, high, middle)
    return torch.where(number > k, (low + high) / 2, -torch.inf)
