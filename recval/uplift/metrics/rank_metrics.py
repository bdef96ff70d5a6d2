"""Metrics of a ranking alone, by name: what can be computed for many rankings and resamples at once.

| name | what it is |
|---|---|
| `auuc`, `auuc-undivided`, `auuc-binary`, `auuc-buckets` | area under V_u |
| `qini`, `qini-undivided`, `qini-binary`, `auqc` | area under V_q |
| `krcc`, `krcc-argsort` | rank correlation of buckets |
| `lift@30`, `lift-buckets@30`, `lift-floor@30`, `lift-by-arm@30` | what the top 30 % gained |

The normalisations of the areas are, in this order, `causalml`, `none`, `scikit-uplift` and `buckets`; see `areas`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy.typing as npt

from recval.errors import ConfigError, unknown
from recval.uplift.checks import Floats, Ints
from recval.uplift.metrics import areas
from recval.uplift.metrics.lift import Cut, lift_of
from recval.uplift.metrics.rank_correlation import kendall_argsort_of, kendall_of
from recval.uplift.metrics.ranking import Ranking, Sums


@dataclass(frozen=True)
class RankMetric:
    """A metric of a ranking.

    Attributes:
        name: as it is written.
        of: from the sums of rankings to a value for each, shape [...].
        bucketed: whether the sums are those at the ends of 100 quantile buckets, and not of every tie.
        binary: whether responses must be 0 or 1.
    """

    name: str
    of: Callable[[Sums], Floats]
    bucketed: bool = False
    binary: bool = False

    def points(self, ranking: Ranking) -> Ints | slice:
        """Return at which of the ranking's ties the sums are taken.

        Raises:
            DataError: responses must be 0 or 1, and are not.
        """
        if self.binary:
            areas.check_binary(ranking.response)
        return ranking.bucket_points() if self.bucketed else slice(None)

    def __call__(self, ranking: Ranking, sums: Sums) -> float:
        """Return the value of a ranking with its sums at every tie.

        Raises:
            DataError: responses must be 0 or 1, and are not.
        """
        return float(self.of(sums.at(self.points(ranking))))


_PLAIN = (
    RankMetric("auuc", areas.auuc_of),
    RankMetric("auuc-undivided", lambda sums: areas.auuc_of(sums, divided=False)),
    RankMetric("auuc-binary", areas.binary_auuc_of, binary=True),
    RankMetric("auuc-buckets", areas.bucketed_auuc_of, bucketed=True),
    RankMetric("qini", areas.qini_area_of),
    RankMetric("qini-undivided", lambda sums: areas.qini_area_of(sums, divided=False)),
    RankMetric("qini-binary", areas.binary_qini_of, binary=True),
    RankMetric("auqc", areas.bucketed_auqc_of, bucketed=True),
    RankMetric("krcc", kendall_of, bucketed=True),
    RankMetric("krcc-argsort", kendall_argsort_of, bucketed=True),
)
RANK_METRICS: Mapping[str, RankMetric] = {metric.name: metric for metric in _PLAIN}
"""The metrics without a share in their name."""

LIFTS: Mapping[str, Cut] = {
    "lift": "rows",
    "lift-buckets": "buckets",
    "lift-floor": "scikit-uplift",
    "lift-by-arm": "by-arm",
}
"""Where each of the metrics with a share in their name cuts."""


def is_rank_metric(name: str) -> bool:
    """Return whether a metric is of a ranking alone, so that random rankings and resamples have it at little cost."""
    return name.partition("@")[0] in (*RANK_METRICS, *LIFTS)


def rank_metric(name: str) -> RankMetric:
    """Return the metric of a name such as "qini" or "lift@30".

    Raises:
        ConfigError: the name is unknown, or the share is no percentage above 0 and at most 100.
    """
    base, at, share = str(name).partition("@")
    if not at and base in RANK_METRICS:
        return RANK_METRICS[base]
    if base not in LIFTS:
        raise ConfigError(unknown("rank metric", name, [*RANK_METRICS, *(f"{lift}@30" for lift in LIFTS)]))
    try:
        percent = float(share)
    except ValueError:
        percent = 0.0
    if not 0 < percent <= 100:
        raise ConfigError(f"the share of {base!r} must be a percentage above 0, got {name!r}; write it as '{base}@30'")
    return RankMetric(str(name), lift_of(percent / 100, LIFTS[base]), bucketed=LIFTS[base] == "buckets")


def rank_metrics(
    names: Sequence[str], score: npt.ArrayLike, treated: npt.ArrayLike, response: npt.ArrayLike
) -> dict[str, float]:
    """Return several metrics of one ranking, by name; it is sorted once.

    Args:
        names: names such as "auuc", "qini" or "lift@30".
        score: any score of which more means "treat first", finite, shape [n].
        treated: booleans, or 0 and 1, shape [n].
        response: the outcome, finite, shape [n].

    Raises:
        ConfigError: a name is unknown, or its share is not what it must be.
        DataError: the lengths differ, a value is not finite, or not 0 or 1 where it must be, or an arm has no row.
    """
    chosen = [rank_metric(name) for name in names]
    ranking = Ranking.of(score, treated, response)
    sums = ranking.sums()
    return {metric.name: metric(ranking, sums) for metric in chosen}
