"""Metrics among a sample of the items, for comparison with published figures that were measured so, and nothing else.

Which of two models looks better among sampled items can differ from which one is better among all.

Reference:
    Krichene and Rendle. "On Sampled Metrics for Item Recommendation." KDD 2020.
"""

from __future__ import annotations

import warnings

import numpy as np

from recval.data.interactions import Codes
from recval.errors import ConfigError
from recval.ranking.item_sets import ItemSets
from recval.ranking.top_k import Scorer
from recval.rng import RandomSource, numpy_generator, seed_of

_DRAWS_AT_ONCE = 2**22


class SampledMetricsWarning(UserWarning):
    """Metrics are computed among a sample of the items."""


class Sampled:
    """Limits scorers to the held-out items of each user and a random sample of the others.

    The sample is drawn once, without replacement, from what the user neither has seen nor has held out; where there
    is less, all of it is taken.

    Args:
        truth: what is held out.
        seen: what is masked.
        users: the users to draw for.
        candidates: items to draw for each user, at least 1.
        rng: what they are drawn with.

    Raises:
        ConfigError: `candidates` is below 1.

    Warns:
        SampledMetricsWarning: always.
    """

    def __init__(self, truth: ItemSets, seen: ItemSets, users: Codes, candidates: int, rng: RandomSource) -> None:
        if candidates < 1:
            raise ConfigError(f"candidates must be at least 1, got {candidates}")
        warnings.warn(
            f"the metrics are sampled: each user's held-out items are ranked among {candidates} random others. Such "
            "metrics can order models differently from the exact ones (Krichene and Rendle, KDD 2020); leave out "
            "candidates= to rank all items",
            SampledMetricsWarning,
            stacklevel=3,
        )
        known = ItemSets(np.union1d(truth.keys, seen.keys), truth.n_users, truth.n_items)
        drawn = _draw(known, users, candidates, numpy_generator(seed_of(rng), "candidates"))
        self._ranked = ItemSets(np.union1d(truth.keys, drawn), truth.n_users, truth.n_items)

    def of(self, score: Scorer) -> Scorer:
        """Return the scorer with -inf for all that is neither held out nor drawn."""
        import torch

        def limited(users: torch.Tensor) -> torch.Tensor:
            scores = score(users)
            cells = tuple(torch.from_numpy(part).to(scores.device) for part in self._ranked.cells(users.cpu().numpy()))
            return torch.full_like(scores, float("-inf")).index_put_(cells, scores[cells])

        return limited


def _draw(known: ItemSets, users: Codes, size: int, generator: np.random.Generator) -> Codes:
    """Return keys of random items that are not known, ascending within a user; the blocks do not change the draws."""
    n_items = known.n_items
    block = max(1, _DRAWS_AT_ONCE // n_items)
    keys = [np.zeros(0, np.int64)]
    for start in range(0, len(users), block):
        chosen = users[start : start + block]
        lots = generator.random((len(chosen), n_items))
        lots[known.cells(chosen)] = np.inf
        size = min(size, n_items)
        items = np.argpartition(lots, size - 1, axis=1)[:, :size]
        free = np.isfinite(np.take_along_axis(lots, items, axis=1))
        keys.append((chosen[:, None] * n_items + items)[free])
    return np.concatenate(keys)
