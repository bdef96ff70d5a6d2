"""Where held-out items stand in the whole ranking, exact with ties, without the ranking being kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recval.data.interactions import Codes
from recval.ranking.item_sets import ItemSets

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Ranks:
    """The ranks of each user's held-out items among all items that the user has not seen.

    Rank 1 has the highest score; items of equal score share the mean of their ranks. An item that the model scores
    -inf is unseen all the same, and ranks last.

    Attributes:
        rank_sum: the sum of the ranks of a user's held-out items, shape [U].
        relevant: number of held-out items that are not masked as seen, shape [U].
        candidates: number of items that are not masked as seen, shape [U].
    """

    rank_sum: npt.NDArray[np.float64]
    relevant: Codes
    candidates: Codes


class RankCounter:
    """Adds up ranks block by block, as `top_k` visits them.

    Args:
        users: the users of all blocks, in their order.
        seen: what is masked.
        truth: what is held out.
    """

    def __init__(self, users: Codes, seen: ItemSets, truth: ItemSets) -> None:
        self._users, self._seen, self._unseen_truth = users, seen, truth.without(seen)
        self._sums: list[npt.NDArray[np.float64]] = []

    def visit(self, users: Codes, scores: Tensor) -> None:
        """Add a block: its users, and their scores with -inf for what was seen, shape [B, n_items]."""
        self._sums.append(_rank_sums(users, scores, self._seen, self._unseen_truth))

    def ranks(self) -> Ranks:
        """Return the ranks of all blocks."""
        rank_sum = np.concatenate([np.zeros(0), *self._sums])
        candidates = self._seen.n_items - self._seen.counts[self._users]
        return Ranks(rank_sum, self._unseen_truth.counts[self._users], candidates)


def _rank_sums(users: Codes, scores: Tensor, seen: ItemSets, held_out: ItemSets) -> npt.NDArray[np.float64]:
    """Return the sum of the mean ranks of each user's held-out items, found in the sorted scores of the user's row."""
    import torch

    scores = scores.float() if scores.dtype in (torch.float16, torch.bfloat16) else scores
    counts = held_out.counts[users]
    rows, items = (torch.from_numpy(part).to(scores.device) for part in held_out.cells(users))
    starts = torch.from_numpy(np.cumsum(counts) - counts).to(scores.device)
    places = torch.arange(len(rows), device=scores.device) - starts[rows]
    wanted = scores.new_full((len(users), int(counts.max(initial=0))), float("inf"))
    wanted[rows, places] = scores[rows, items]
    rising = _sorted(scores)
    # Seen items stand at -inf, below or beside any other.
    masked = torch.from_numpy(seen.counts[users]).to(scores.device)[:, None]
    below = torch.searchsorted(rising, wanted).maximum(masked)
    upto = torch.searchsorted(rising, wanted, right=True)
    ranks = scores.shape[1] - (below + upto - 1).double() / 2
    sums = torch.zeros(len(users), dtype=torch.float64, device=scores.device)
    return sums.index_add_(0, rows, ranks[rows, places]).cpu().numpy()


def _sorted(scores: Tensor) -> Tensor:
    """Return the scores of each row in rising order; on a CPU NumPy's sort is the faster."""
    import torch

    return torch.from_numpy(np.sort(scores.numpy(), axis=1)) if scores.device.type == "cpu" else scores.sort(1).values
