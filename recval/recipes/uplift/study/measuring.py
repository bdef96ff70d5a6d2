"""The metrics of a study: those of `recval.uplift.metrics.measuring`, and two by the spread of the true uplift.

`pehe/sd` and `mean-bias/sd` are divided by the standard deviation of the true uplift, so that they can be compared
between data sets: a constant that is right on average has a `pehe/sd` of 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from recval.errors import ConfigError, unknown
from recval.uplift.checks import Floats
from recval.uplift.customers import Customers
from recval.uplift.metrics import auuc_null_test, check_metric, measure, metric_names
from recval.uplift.metrics.rank_metrics import is_rank_metric

_RELATIVE = {"pehe/sd": "pehe", "mean-bias/sd": "mean-bias"}
_NEED_TRUTH = ("spearman", "oracle-qini", "pehe", "mean-bias", *_RELATIVE)
_NEED_MONEY = ("euce", "pehe", "mean-bias", *_RELATIVE)
_LEVEL = 0.95

Found = dict[str, dict[str, dict[str, float | None]]]
"""By treatment and metric: `value`, and the ends of the band of random rankings, `null_low` and `null_high`, if any."""


def check_study_metric(name: str) -> None:
    """Refuse a name that cannot be measured.

    Raises:
        ConfigError: it is unknown, or its share is no percentage.
    """
    if "/" in name and name not in _RELATIVE:
        raise ConfigError(unknown("uplift metric", name, (*metric_names(), *_RELATIVE)))
    check_metric(_RELATIVE.get(name, name))


def measured(names: Sequence[str], score: Floats, customers: Customers, *, in_money: bool, rankings: int) -> Found:
    """Return of each treatment the metrics that can be measured.

    Args:
        names: which metrics; those of the truth are left out where it is not known.
        score: by treatment, shape [n, A].
        customers: the n customers.
        in_money: whether the score is an uplift in the unit of the response; metrics of size are left out otherwise.
        rankings: random ones, for the bands of customers whose truth is not known; 0 for none.

    Raises:
        DataError: a score is not finite, or an arm has no customer.
    """
    known = [
        name
        for name in names
        if (customers.truth is not None or name not in _NEED_TRUTH) and (in_money or name not in _NEED_MONEY)
    ]
    values = measure([_RELATIVE.get(name, name) for name in known], score, customers).to_numpy()
    found: Found = {}
    for place, arm in enumerate(customers.arms[1:]):
        found[arm] = {}
        for name, value in zip(known, values[place].tolist(), strict=True):
            if name in _RELATIVE:
                assert customers.truth is not None
                value /= customers.truth[:, place].std() or math.nan
            if not math.isfinite(value):
                found[arm][name] = {"value": None}
                continue
            banded = rankings and customers.truth is None and is_rank_metric(name)
            band = _null_band(name, score[:, place], customers, place, rankings) if banded else {}
            found[arm][name] = {"value": value, **band}
    return found


def _null_band(name: str, score: Floats, customers: Customers, place: int, rankings: int) -> dict[str, float | None]:
    rows = np.isin(customers.arm, (0, place + 1))
    treated, response = customers.arm[rows] > 0, customers.response[rows]
    null = auuc_null_test(score[rows], treated, response, metric=name, draws=rankings)
    return {"null_low": null.quantile((1 - _LEVEL) / 2), "null_high": null.quantile((1 + _LEVEL) / 2)}
