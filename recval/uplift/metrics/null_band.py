"""What a ranking without any knowledge would have reached: test a value against it before reading anything into it.

The scores are given to the rows in random order, which keeps the ties of the score, the arms and the responses as they
are; so the test is exact for the hypothesis that the score says nothing of who is treated and what they spend.
`auuc_null_test` gives a p-value for any rank metric, `null_band` the band to draw behind a curve. How to choose: report
the test with every area: with 100 buyers the areas of random rankings spread from 0.3 to 0.7. When not to use: to
compare two models, for which see `comparison`. And a score of spending, not of uplift, has the mean of random rankings
but a wider spread, so that its p-value is small more often than its level says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from recval.errors import ConfigError, DataError, unknown
from recval.rng import RandomSource, numpy_generator, seed_of
from recval.uplift.checks import Bools, Floats, Ints
from recval.uplift.metrics.curves import qini_of, uplift_of
from recval.uplift.metrics.rank_metrics import rank_metric
from recval.uplift.metrics.ranking import Ranking, Sums, as_arm, finite, sums_at

_CELLS_PER_CHUNK = 2**20
_CURVES = {"uplift": uplift_of, "qini": qini_of}
_ROUNDING = 1e-12
"""Random values are not below that of the score where they differ by no more than this share of it."""


@dataclass(frozen=True)
class NullTest:
    """A value and what random rankings reach.

    Attributes:
        value: the metric of the score.
        p_value: the chance that a random ranking reaches the value or more, in (0, 1]; NaN where the value is.
        draws: the values of random rankings, rising, shape [draws]; NaN, at the end, where there is none, which counts
            as reaching the value.
    """

    value: float
    p_value: float
    draws: Floats

    @property
    def mean(self) -> float:
        """The mean of random rankings."""
        return float(np.nanmean(self.draws))

    @property
    def deviation(self) -> float:
        """The standard deviation of random rankings."""
        return float(np.nanstd(self.draws, ddof=1))

    def quantile(self, level: float) -> float:
        """Return the value that a share `level` of random rankings stays below."""
        return float(np.nanquantile(self.draws, level))


@dataclass(frozen=True)
class NullBand:
    """Where curves of random rankings lie, point by point.

    Attributes:
        share: shares of the rows, from 0 to 1, shape [points].
        low: lower end of the band, in the unit of the response, shape [points].
        median: its middle, shape [points].
        high: its upper end, shape [points].
        level: which share of random rankings lies in the band, at each point by itself.
    """

    share: Floats
    low: Floats
    median: Floats
    high: Floats
    level: float


def auuc_null_test(
    score: npt.ArrayLike,
    treated: npt.ArrayLike,
    response: npt.ArrayLike,
    *,
    metric: str = "auuc",
    draws: int = 1000,
    rng: RandomSource = 0,
) -> NullTest:
    """Test a rank metric, by default AUUC, against random rankings; one-sided.

    Args:
        score: any score of which more means "treat first", finite, shape [n].
        treated: booleans, or 0 and 1, shape [n].
        response: the outcome, finite, shape [n].
        metric: a name of `rank_metrics`.
        draws: how many random rankings, at least 1; no p-value is below 1 / (draws + 1).
        rng: source of the draws.

    Raises:
        ConfigError: the metric is unknown, or there is no draw.
        DataError: the lengths differ, a value is not finite, `treated` is not 0 or 1, or an arm has no row.
    """
    chosen, ranking = rank_metric(metric), Ranking.of(score, treated, response)
    points, value = chosen.points(ranking), chosen(ranking, ranking.sums())
    found = [
        chosen.of(sums.at(points)) for sums in _random_sums(ranking.ends, ranking.treated, ranking.response, draws, rng)
    ]
    reached = np.sort(np.concatenate(found))
    below = int((reached < value - _ROUNDING * abs(value)).sum())
    p_value = (1 + draws - below) / (1 + draws) if np.isfinite(value) else float("nan")
    return NullTest(value, p_value, reached)


def null_band(
    treated: npt.ArrayLike,
    response: npt.ArrayLike,
    *,
    curve: Literal["uplift", "qini"] = "uplift",
    level: float = 0.95,
    points: int = 101,
    draws: int = 1000,
    rng: RandomSource = 0,
) -> NullBand:
    """Return the band in which curves of random rankings lie.

    Args:
        treated: booleans, or 0 and 1, shape [n].
        response: the outcome, finite, shape [n].
        curve: V_u or V_q, see `curves`.
        level: which share of random rankings the band holds at each point, between 0 and 1.
        points: at how many shares at most the band is given, evenly from 0 to 1, at least 2.
        draws: how many random rankings, at least 1.
        rng: source of the draws.

    Raises:
        ConfigError: the curve is unknown, or a number is not what it must be.
        DataError: the lengths differ, a value is not finite, `treated` is not 0 or 1, or an arm has no row.
    """
    if curve not in _CURVES:
        raise ConfigError(unknown("curve", curve, _CURVES))
    if not 0 < level < 1 or points < 2:
        raise ConfigError(f"a band needs a level between 0 and 1 and 2 points or more, got {level:g} and {points}")
    arm, outcome = as_arm(treated), finite("response", response)
    n = len(outcome)
    if len(arm) != n:
        raise DataError(f"treated and response must be of equal length, got {len(arm)} and {n}")
    ends = np.unique(np.rint(np.linspace(0, n, points)).astype(np.int64))[1:]
    found = [_CURVES[curve](sums) for sums in _random_sums(ends, arm, outcome, draws, rng)]
    gains = np.concatenate([part.gain for part in found])
    low, median, high = np.quantile(gains, [(1 - level) / 2, 0.5, (1 + level) / 2], axis=0)
    return NullBand(np.append(0, ends) / n, low, median, high, level)


def _random_sums(ends: Ints, treated: Bools, response: Floats, draws: int, rng: RandomSource) -> Iterator[Sums]:
    """Yield the sums of rows in random order down to each of the ends, shape [chunk, k]."""
    if draws < 1:
        raise ConfigError(f"draws must be at least 1, got {draws}")
    generator, n = numpy_generator(seed_of(rng), "random-rankings"), len(response)
    chunk = max(1, _CELLS_PER_CHUNK // n)
    rows = np.arange(n, dtype=np.int32)
    for start in range(0, draws, chunk):
        size = min(chunk, draws - start)
        order = generator.permuted(np.broadcast_to(rows, (size, n)), axis=1)
        yield sums_at(ends, treated[order], response[order])
