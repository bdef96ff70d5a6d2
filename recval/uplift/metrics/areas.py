"""Areas below uplift and Qini curves: one number for a ranking.

Libraries divide by different things, and their numbers must not be compared with each other; so a normalisation is
named. With A the area over the share of rows, n rows, and V the gain of treating all:

| `normalisation` | AUUC | Qini | of a random ranking |
|---|---|---|---|
| `none` | mean of the curve over its rows 0 … n | the same, above the straight line | V / 2; 0 |
| `causalml` | the same, divided by the size of V | the same, divided by the size of V | 0.5, or -0.5 if V < 0; 0 |
| `scikit-uplift` | (A - V / 2) / (A* - V / 2), A* of the "perfect" order | the same | 0; 0 |
| `buckets` | A at 100 quantile buckets, by the size of V; 1 is added if V < 0 | `auqc` | 0.5 |

How to choose: `causalml` for money; `scikit-uplift` only exists for responses of 0 and 1, where a perfect order is
known; `buckets` to compare with figures of He et al., "Rankability-enhanced Revenue Uplift Modeling Framework for
Online Marketing", KDD 2024. When not to use: divided areas explode where the total gain V is near 0, and have no value
where it is 0 (NaN); use `none` then. No area is better than its noise: look at `auuc_null_test` and `bootstrap` first.

An observed-response curve has no ranking by the truth that is its maximum: the arms of neighbours matter, too. The
"perfect" order of scikit-uplift (treated buyers first, control buyers last) is a convention, and another order
can exceed it. The area below `effect_curve` has its maximum exactly at the ranking by the effects.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from recval.errors import ConfigError, DataError, unknown
from recval.uplift.checks import Floats
from recval.uplift.metrics.curves import Curve, qini_of, uplift_of
from recval.uplift.metrics.ranking import BUCKETS, Ranking, Sums

Normalisation = Literal["causalml", "none", "scikit-uplift", "buckets"]


def auuc(
    score: npt.ArrayLike,
    treated: npt.ArrayLike,
    response: npt.ArrayLike,
    *,
    normalisation: Normalisation = "causalml",
) -> float:
    """Return the area under the uplift curve V_u.

    Args:
        score: any score of which more means "treat first", finite, shape [n].
        treated: booleans, or 0 and 1, shape [n].
        response: the outcome, finite, shape [n]; 0 or 1 for `scikit-uplift`.
        normalisation: what is divided by; see the module.

    Raises:
        ConfigError: the normalisation is unknown.
        DataError: the lengths differ, a value is not finite or not 0 or 1 where it must be, or an arm has no row.
    """
    ranking = Ranking.of(score, treated, response)
    if normalisation == "buckets":
        return float(bucketed_auuc_of(ranking.sums().at(ranking.bucket_points())))
    if normalisation == "scikit-uplift":
        check_binary(ranking.response)
        return float(binary_auuc_of(ranking.sums()))
    return float(auuc_of(ranking.sums(), divided=_is_divided(normalisation)))


def qini(
    score: npt.ArrayLike,
    treated: npt.ArrayLike,
    response: npt.ArrayLike,
    *,
    normalisation: Literal["causalml", "none", "scikit-uplift"] = "causalml",
) -> float:
    """Return the area between the Qini curve V_q and the straight line of a random ranking.

    A constant score gives exactly 0. Arguments and errors are those of `auuc`.
    """
    ranking = Ranking.of(score, treated, response)
    if normalisation == "scikit-uplift":
        check_binary(ranking.response)
        return float(binary_qini_of(ranking.sums()))
    return float(qini_area_of(ranking.sums(), divided=_is_divided(normalisation)))


def auqc(score: npt.ArrayLike, treated: npt.ArrayLike, response: npt.ArrayLike, *, buckets: int = BUCKETS) -> float:
    """Return the area under the Qini curve V_q at the ends of quantile buckets, divided by the gain of treating all.

    About 0.5 for a random ranking. Arguments and errors are those of `auuc`.
    """
    ranking = Ranking.of(score, treated, response)
    return float(bucketed_auqc_of(ranking.sums().at(ranking.bucket_points(buckets))))


def auuc_of(sums: Sums, *, divided: bool = True) -> Floats:
    """Return the mean of V_u over the rows from 0 to n, shape [...]."""
    curve = uplift_of(sums)
    n = curve.rows[..., -1]
    mean = (n * curve.area() + curve.total / 2) / (n + 1)
    return _by_total(mean, curve) if divided else mean


def qini_area_of(sums: Sums, *, divided: bool = True) -> Floats:
    """Return the mean of V_q above the straight line over the rows from 0 to n, shape [...]."""
    curve = qini_of(sums)
    n = curve.rows[..., -1]
    mean = (curve.area() - curve.total / 2) * (n / (n + 1))
    return _by_total(mean, curve) if divided else mean


def bucketed_auuc_of(sums: Sums) -> Floats:
    """Return the area under V_u by the gain of treating all; `sums` at the ends of buckets, shape [...]."""
    return _positive_by_total(uplift_of(sums))


def bucketed_auqc_of(sums: Sums) -> Floats:
    """Return the area under V_q by the gain of treating all; `sums` at the ends of buckets, shape [...]."""
    return _positive_by_total(qini_of(sums))


def binary_auuc_of(sums: Sums) -> Floats:
    """Return the gain over random by that of the perfect order, for responses of 0 and 1, shape [...]."""
    return _by_perfect(uplift_of(sums, "zero"), uplift_of(_perfect_uplift(sums), "zero"))


def binary_qini_of(sums: Sums) -> Floats:
    """Return the Qini gain over random by that of the perfect order, for responses of 0 and 1, shape [...]."""
    return _by_perfect(qini_of(sums, "zero"), qini_of(_perfect_qini(sums), "zero"))


def _perfect_uplift(sums: Sums) -> Sums:
    """Return the sums of scikit-uplift's perfect order.

    Treated buyers, control rows that do not buy, then control buyers and treated rows that do not buy, the more
    numerous of the two first.
    """
    treated, control, bought, bought_control = _totals(sums)
    idle, none = treated - bought, np.zeros_like(treated)
    buyers_first = bought_control > idle
    return Sums(
        *(
            np.stack(parts, axis=-1)
            for parts in (
                (bought, bought, np.where(buyers_first, bought, treated), treated),
                (none, control - bought_control, np.where(buyers_first, control, control - bought_control), control),
                (bought, bought, bought, bought),
                (none, none, np.where(buyers_first, bought_control, none), bought_control),
            )
        )
    )


def _perfect_qini(sums: Sums) -> Sums:
    """Return the sums of scikit-uplift's perfect order: treated buyers, all that do not buy, control buyers."""
    treated, control, bought, bought_control = _totals(sums)
    none = np.zeros_like(treated)
    return Sums(
        np.stack([bought, treated, treated], axis=-1),
        np.stack([none, control - bought_control, control], axis=-1),
        np.stack([bought, bought, bought], axis=-1),
        np.stack([none, none, bought_control], axis=-1),
    )


def _totals(sums: Sums) -> tuple[Floats, Floats, Floats, Floats]:
    return (
        sums.treated[..., -1],
        sums.control[..., -1],
        sums.treated_response[..., -1],
        sums.control_response[..., -1],
    )


def _by_perfect(curve: Curve, perfect: Curve) -> Floats:
    straight = curve.total / 2
    return _divide(curve.area() - straight, perfect.area() - straight)


def _by_total(value: Floats, curve: Curve) -> Floats:
    return _divide(value, np.abs(curve.total))


def _positive_by_total(curve: Curve) -> Floats:
    return _by_total(curve.area(), curve) + (curve.total < 0)


def _divide(value: Floats, by: Floats) -> Floats:
    return value / np.where(by == 0, np.nan, by)


def _is_divided(normalisation: str) -> bool:
    if normalisation not in ("causalml", "none"):
        raise ConfigError(unknown("normalisation", normalisation, ("causalml", "none", "scikit-uplift", "buckets")))
    return normalisation == "causalml"


def check_binary(response: Floats) -> None:
    """Refuse responses other than 0 and 1.

    Raises:
        DataError: there is one.
    """
    good = (response == 0) | (response == 1)
    if not good.all():
        raise DataError(
            f"scikit-uplift's normalisation needs responses of 0 and 1, got {response[np.argmin(good)]:g}; "
            "name causalml's instead"
        )
