"""How sure is a metric of this score? Percentile intervals from rows drawn again, with replacement, within each arm.

The rows are sorted once; a resample is a weight for each ranked row. What is drawn again are the customers of the
evaluation: the interval says how far the value of this very score may be from its value over all such customers. It
says nothing of training again, for which see `comparison`. Bucketed metrics keep the edges of the sample's buckets.

When not to use: where few rows buy (under about 50), resamples miss the tail and intervals are too narrow; where the
total gain may be 0, divided areas have no moments: take `qini-undivided` and the like.

Reference: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recval.errors import ConfigError
from recval.rng import RandomSource, numpy_generator, seed_of
from recval.uplift.checks import Floats, Ints
from recval.uplift.metrics.curves import effect_of, ranked_effects
from recval.uplift.metrics.rank_metrics import rank_metric
from recval.uplift.metrics.ranking import Ranking
from recval.uplift.metrics.toc import Weighting, rate_of

_CELLS_PER_CHUNK = 2**20


@dataclass(frozen=True)
class Interval:
    """A value and how sure it is.

    Attributes:
        value: the metric of the sample.
        low: lower end of the interval.
        high: its upper end.
        standard_error: standard deviation over resamples.
        level: how often such an interval holds the true value.
    """

    value: float
    low: float
    high: float
    standard_error: float
    level: float


def bootstrap(
    score: npt.ArrayLike,
    treated: npt.ArrayLike,
    response: npt.ArrayLike,
    *,
    metric: str = "auuc",
    level: float = 0.95,
    resamples: int = 1000,
    rng: RandomSource = 0,
) -> Interval:
    """Return the interval of a rank metric; NaN where it is not defined in every resample.

    Args:
        score: any score of which more means "treat first", finite, shape [n].
        treated: booleans, or 0 and 1, shape [n].
        response: the outcome, finite, shape [n].
        metric: a name of `rank_metrics`.
        level: how often the interval shall hold the true value, between 0 and 1.
        resamples: how many resamples are drawn, at least 2.
        rng: source of the draws.

    Raises:
        ConfigError: the metric is unknown, or the level or the number of resamples is not what it must be.
        DataError: the lengths differ, a value is not finite, `treated` is not 0 or 1, or an arm has no row.
    """
    chosen, ranking = rank_metric(metric), Ranking.of(score, treated, response)
    points = chosen.points(ranking)
    return _interval(
        chosen(ranking, ranking.sums()),
        lambda weights: chosen.of(ranking.sums(weights).at(points)),
        [np.flatnonzero(ranking.treated), np.flatnonzero(~ranking.treated)],
        (level, resamples, rng),
    )


def bootstrap_rate(
    score: npt.ArrayLike,
    effect: npt.ArrayLike,
    *,
    weighting: Weighting = "autoc",
    level: float = 0.95,
    resamples: int = 1000,
    rng: RandomSource = 0,
) -> Interval:
    """Return the interval of a rank-weighted average treatment effect, of given effects.

    Args:
        score: any score of which more means "treat first", finite, shape [n].
        effect: the effect of treatment on each row, shape [n].
        weighting: as for `rate`.
        level: as for `bootstrap`.
        resamples: as for `bootstrap`.
        rng: source of the draws.

    Raises:
        ConfigError: the weighting is unknown, or the level or the number of resamples is not what it must be.
        DataError: the lengths differ, or a value is not finite.
    """
    ends, effects = ranked_effects(score, effect)
    return _interval(
        float(rate_of(effect_of(ends, effects), weighting)),
        lambda weights: rate_of(effect_of(ends, effects, weights), weighting),
        [np.arange(len(effects))],
        (level, resamples, rng),
    )


def _interval(
    value: float,
    statistic: Callable[[Floats], Floats],
    strata: list[Ints],
    settings: tuple[float, int, RandomSource],
) -> Interval:
    level, resamples, rng = settings
    if not 0 < level < 1:
        raise ConfigError(f"the level must be between 0 and 1, got {level:g}")
    if resamples < 2:
        raise ConfigError(f"resamples must be at least 2, got {resamples}")
    generator = numpy_generator(seed_of(rng), "uplift-bootstrap")
    drawn = np.concatenate([statistic(weights) for weights in _resamples(strata, resamples, generator)])
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), float(drawn.std(ddof=1)), level)


def _resamples(strata: list[Ints], resamples: int, generator: np.random.Generator) -> Iterator[Floats]:
    """Yield how often each row is drawn, shape [chunk, n], where each stratum is drawn from on its own."""
    n = sum(len(stratum) for stratum in strata)
    chunk = max(1, _CELLS_PER_CHUNK // n)
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        weights = np.empty((size, n))
        for rows in strata:
            drawn = generator.integers(len(rows), size=(size, len(rows))) + len(rows) * np.arange(size)[:, None]
            counts = np.bincount(drawn.ravel(), minlength=size * len(rows))
            weights[:, rows] = counts.reshape(size, len(rows))
        yield weights
