"""The exact top k of all items, for many users, within a stated memory budget.

Users are ranked in blocks: one call of the scorer, one masked selection. Equal scores are ordered by the lower
item code, so the lists depend neither on the size of a block nor on the device's selection algorithm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recval.data.interactions import Codes
from recval.errors import ConfigError, DataError, ModelError
from recval.ranking.item_sets import ItemSets

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Scorer = Callable[["Tensor"], "Tensor"]
"""Gives the scores of all items, shape [U, n_items], for users given by code, shape [U]; higher is better."""

BUDGET_BYTES = 2**28
_BYTES_PER_SCORE = 24


@dataclass(frozen=True, eq=False)
class Recommendations:
    """The first k items of each user, best first.

    Attributes:
        users: the users' codes, shape [U].
        items: the items' codes, shape [U, k]; -1 where a user has no further item.
        scores: the items' scores, shape [U, k]; -inf where the item is -1.
    """

    users: Codes
    items: Codes
    scores: npt.NDArray[np.float64]


def top_k(
    score: Scorer,
    users: npt.ArrayLike,
    seen: ItemSets,
    k: int,
    *,
    budget_bytes: int = BUDGET_BYTES,
    device: torch.device | str = "cpu",
) -> Recommendations:
    """Rank all items that the users have not seen.

    An item scored -inf is never recommended, whether it is masked as seen or the model itself gave -inf. Where a
    user has fewer than k other items, the list ends in -1. Equal scores are ordered by the lower item code.

    Args:
        score: the scorer, already in evaluation mode; its result is read and never written to.
        users: codes, shape [U].
        seen: the items that must not be recommended.
        k: length of the lists, at least 1; may exceed the number of items.
        budget_bytes: about how much memory the scores of one block and the work on them may take, for float32
            scores; at least one user is ranked at a time. What the scorer allocates inside is not counted.
        device: where the users' codes are put for the scorer.

    Raises:
        ConfigError: k is below 1.
        DataError: a user's code is not one of `seen`.
        ModelError: the scores have the wrong shape or type, or hold NaN or +inf.
    """
    import torch

    codes = np.asarray(users, np.int64)
    if k < 1:
        raise ConfigError(f"k must be at least 1, got {k}")
    if len(codes) and not 0 <= codes.min() <= codes.max() < seen.n_users:
        raise DataError(f"users must be codes from 0 to {seen.n_users - 1}, got {codes.min()} to {codes.max()}")
    items = np.full((len(codes), k), -1)
    scores = np.full((len(codes), k), -np.inf)
    depth = min(k, seen.n_items)
    block = max(1, budget_bytes // (_BYTES_PER_SCORE * seen.n_items))
    for start in range(0, len(codes), block):
        rows = slice(start, start + block)
        with torch.no_grad():
            block_scores = score(torch.tensor(codes[rows], device=device))
            _check(block_scores, codes[rows], seen.n_items)
            values, chosen = _select(_mask(block_scores, codes[rows], seen), depth)
        items[rows, :depth], scores[rows, :depth] = chosen.cpu().numpy(), values.double().cpu().numpy()
    return Recommendations(codes, items, scores)


def _check(scores: Tensor, users: Codes, n_items: int) -> None:
    expected = (len(users), n_items)
    if tuple(scores.shape) != expected or not scores.is_floating_point():
        found = f"{scores.dtype} of shape {tuple(scores.shape)}"
        raise ModelError(f"a scorer must give floats of the shape (users, items) = {expected}, got {found}")
    highest = scores.amax(dim=1)
    bad = (~(highest < float("inf"))).nonzero()
    if len(bad):
        row = int(bad[0])
        raise ModelError(
            f"a score of user {users[row]} is {highest[row].item()}: the model diverged; "
            "train it with a lower learning rate or more regularisation"
        )


def _mask(scores: Tensor, users: Codes, seen: ItemSets) -> Tensor:
    """Return a copy of the scores with -inf for what was seen."""
    import torch

    cells = tuple(torch.from_numpy(part).to(scores.device) for part in seen.cells(users))
    return scores.index_put(cells, scores.new_tensor(float("-inf")))


def _select(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the k highest scores of each row, and their items; -1 where the score is -inf."""
    values, items = scores.topk(min(k + 1, scores.shape[1]), dim=1)
    equal = (values[:, 1:] == values[:, :-1]) & (values[:, 1:] > float("-inf"))
    values, items = values[:, :k], items[:, :k]
    tied = equal.any(dim=1).nonzero().squeeze(1)
    if len(tied):
        items[tied] = _break_ties(scores[tied], values[tied], items[tied])
    return values, items.masked_fill(values == float("-inf"), -1)


def _break_ties(scores: Tensor, values: Tensor, items: Tensor) -> Tensor:
    """Return the items [R, k] that belong to the sorted top values [R, k] when the lower code goes first."""
    import torch

    (_, n_items), k = scores.shape, values.shape[1]
    codes = torch.arange(n_items, dtype=torch.int32, device=scores.device)
    last = values[:, -1:]
    lowest = torch.where(scores == last, codes, n_items).topk(k, dim=1, largest=False).values.long()
    place = torch.arange(k, device=scores.device) - (values > last).sum(dim=1, keepdim=True)
    items = torch.where(place < 0, items, lowest.gather(1, place.clamp(min=0)))
    by_code = items.argsort(dim=1)
    by_value = values.gather(1, by_code).argsort(dim=1, descending=True, stable=True)
    return items.gather(1, by_code.gather(1, by_value))
