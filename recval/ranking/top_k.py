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

Visit = Callable[[Codes, "Tensor"], None]
"""Is called with the users of a block, shape [B], and their scores, shape [B, n_items], -inf for what was seen."""

BUDGET_BYTES = 2**28
_BYTES_PER_SCORE = 24
_CACHED_SCORES = 2**18
_EFFICIENT_USERS = 128


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
    visit: Visit = lambda users, scores: None,
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
        visit: what else looks at each block; it must neither write to the scores nor keep them.

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
    block = _block_size(budget_bytes, seen.n_items, torch.device(device).type)
    masked = None
    for start in range(0, len(codes), block):
        rows = slice(start, start + block)
        with torch.no_grad():
            masked = _masked(score(torch.tensor(codes[rows], device=device)), codes[rows], seen, masked)
            visit(codes[rows], masked)
            values, chosen = _select(masked, depth)
        items[rows, :depth], scores[rows, :depth] = chosen.cpu().numpy(), values.double().cpu().numpy()
    return Recommendations(codes, items, scores)


def _block_size(budget_bytes: int, n_items: int, device: str) -> int:
    """Return how many users to rank at once: as many as the budget allows, on a CPU no more than its cache likes."""
    affordable = max(1, budget_bytes // (_BYTES_PER_SCORE * n_items))
    return min(affordable, max(_EFFICIENT_USERS, _CACHED_SCORES // n_items)) if device == "cpu" else affordable


def _check(scores: Tensor, users: Codes, n_items: int) -> None:
    import torch

    expected = (len(users), n_items)
    if not isinstance(scores, torch.Tensor):
        raise ModelError(f"a scorer must give a tensor of the shape (users, items) = {expected}, got {type(scores)}")
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


def _masked(scores: Tensor, users: Codes, seen: ItemSets, earlier: Tensor | None) -> Tensor:
    """Return a copy of the scores with -inf for what was seen, in the memory of an earlier block where it fits."""
    import torch

    _check(scores, users, seen.n_items)
    fits = earlier is not None and earlier.dtype == scores.dtype and len(earlier) >= len(scores)
    masked = earlier[: len(scores)] if earlier is not None and fits else scores.new_empty(scores.shape)
    masked.copy_(scores)
    masked[tuple(torch.from_numpy(part).to(scores.device) for part in seen.cells(users))] = float("-inf")
    return masked


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
