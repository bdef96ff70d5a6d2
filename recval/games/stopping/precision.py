"""Rules that look at the estimates: how sure the values, or their ranks, are."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy.stats import rankdata

from recval.games.game import Floats
from recval.games.progress import Progress
from recval.games.stopping.base import StoppingRule, share_of

Share = Annotated[float, Field(gt=0, le=1)]


class StandardError(StoppingRule):
    """The standard errors are small enough.

    Attributes:
        tolerance: the standard error to reach.
        quantile: the share of the players that must reach it; 1 for all.
        relative: whether the tolerance is a share of the mean absolute value of the players.
        least_rounds: how many rounds to make in any case, for the standard errors of a few rounds tell little.
    """

    tolerance: float = Field(ge=0, allow_inf_nan=False)
    quantile: Share = 1.0
    relative: bool = False
    least_rounds: int = Field(16, ge=2)

    def completion(self, progress: Progress) -> float:
        """Return the share of the rounds that this takes, were the variance known: errors fall by their root."""
        if not progress.n_players:
            return 1.0
        error, tolerance = self._error(progress), self._tolerance(progress)
        reached = 1.0 if error <= tolerance else min((tolerance / error) ** 2, math.nextafter(1, 0))
        return min(reached, share_of(progress.rounds, self.least_rounds))

    def reason(self, progress: Progress) -> str:
        """Return the standard error."""
        who = "all values" if self.quantile == 1 else f"{self.quantile:.0%} of the values"
        return f"the standard error of {who} is at most {self._tolerance(progress):.3g}"

    def _error(self, progress: Progress) -> float:
        return float(np.quantile(progress.standard_error, self.quantile, method="inverted_cdf"))

    def _tolerance(self, progress: Progress) -> float:
        size = float(np.abs(progress.all.mean).mean()) if self.relative and progress.n_players else 1.0
        return self.tolerance * size


class RankStability(StoppingRule):
    """The ranks would be much the same in another estimate of the same length.

    The ranks of the mean of the even rounds are compared with those of the odd ones by Spearman's correlation, which
    is then corrected for the double length of the whole (Spearman, Brown, 1910).

    Attributes:
        threshold: the correlation to reach.
        least_rounds: how many rounds to make in any case, for two halves of a few may agree by chance.
    """

    threshold: Share
    least_rounds: int = Field(16, ge=2)

    def completion(self, progress: Progress) -> float:
        """Return the share of the odds, r / (1 - r), that the threshold asks for: they grow as the rounds do."""
        if progress.n_players < 2:
            return 1.0
        found, threshold = self.stability(progress), self.threshold
        reached = 1.0
        if found < threshold:
            reached = min(found * (1 - threshold) / ((1 - found) * threshold), math.nextafter(1, 0))
        return min(reached, share_of(progress.rounds, self.least_rounds))

    def reason(self, progress: Progress) -> str:
        """Return the correlation."""
        return f"the stability of the ranks is {self.stability(progress):.3f}, at least {self.threshold:g}"

    @staticmethod
    def stability(progress: Progress) -> float:
        """Return the corrected correlation of the ranks of both halves, in [0, 1]; 1 for fewer than two players."""
        if progress.n_players < 2:
            return 1.0
        alike = max(_correlation(rankdata(progress.even.mean), rankdata(progress.odd.mean)), 0.0)
        return 2 * alike / (1 + alike)


def _correlation(one: Floats, other: Floats) -> float:
    """Return Pearson's correlation; of constants, 1 if they are the same and 0 if not."""
    one, other = one - one.mean(), other - other.mean()
    spread = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / spread if spread else float(np.array_equal(one, other))
