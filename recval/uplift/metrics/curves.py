"""Curves of what is gained by treating from the top of a ranking down.

- `uplift_curve`: V_u = (R_T / N_T - R_C / N_C) (N_T + N_C), the gain if all rows so far were treated, where N and R are
  the numbers and the summed responses of treated and control rows so far (joint, absolute in Devriendt, Guns and
  Verbeke, "Learning to rank for uplift modeling", 2020; Gutierrez and Gérardy, 2016).
- `qini_curve`: V_q = R_T - R_C N_T / N_C, the gain among the treated rows so far (Radcliffe, 2007).
- `effect_curve`: the sum of given effects per row, such as doubly robust ones or the truth of simulated customers.

How to choose: the first two are for randomised treatment; V_u reads as money for the whole population, V_q weighs
by where treatment was given and is the steadier one where few rows lie on top. With treatment that depends on the
customer both are biased: take `effect_curve` of doubly robust effects. All are in units of the response.

Rows with the same score form one step, and the curve is straight over it; so a constant score gives the straight
line of a random ranking. Where only one arm has been seen there is no estimate yet: see `OneArm`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from recval.errors import DataError
from recval.uplift.checks import Floats, Ints
from recval.uplift.metrics.ranking import Ranking, Sums, down_to, finite, tie_ends

OneArm = Literal["rising", "zero"]
"""What a curve does before both arms were seen: the estimate rises linearly from 0 to the first one that can be made
(causalml), or the mean response of the unseen arm counts as zero (scikit-uplift)."""

_TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class Curve:
    """A piecewise linear curve; leading axes are rankings or resamples.

    Attributes:
        rows: how many rows are targeted, from 0 to n, shape [..., k + 1].
        gain: what is gained by then, from 0, shape [..., k + 1].
    """

    rows: Floats
    gain: Floats

    @property
    def share(self) -> Floats:
        """Which share of all rows is targeted, from 0 to 1, shape [..., k + 1]."""
        return self.rows / self.rows[..., -1:]

    @property
    def total(self) -> Floats:
        """What is gained by treating all, shape [...]."""
        return self.gain[..., -1]

    def area(self) -> Floats:
        """Return the area below the curve over the share of rows, shape [...]."""
        heights = self.gain[..., 1:] + self.gain[..., :-1]
        return (heights * (np.diff(self.rows, axis=-1) / self.rows[..., -1:])).sum(axis=-1) / 2

    def at(self, share: npt.ArrayLike) -> Floats:
        """Return the gain at shares of one curve, as `share`."""
        return np.interp(np.asarray(share, np.float64), self.share, self.gain)


def uplift_curve(
    score: npt.ArrayLike,
    treated: npt.ArrayLike,
    response: npt.ArrayLike,
    *,
    one_arm: OneArm = "rising",
    buckets: int | None = None,
) -> Curve:
    """Return the uplift curve V_u.

    Args:
        score: any score of which more means "treat first", finite, shape [n].
        treated: booleans, or 0 and 1, shape [n].
        response: the outcome, finite, shape [n].
        one_arm: what holds before both arms were seen.
        buckets: take the curve at the ends of so many quantile buckets alone; at every tie without.

    Raises:
        DataError: the lengths differ, a value is not finite, `treated` is not 0 or 1, or an arm has no row.
    """
    return uplift_of(_sums(score, treated, response, buckets), one_arm)


def qini_curve(
    score: npt.ArrayLike,
    treated: npt.ArrayLike,
    response: npt.ArrayLike,
    *,
    one_arm: OneArm = "rising",
    buckets: int | None = None,
) -> Curve:
    """Return the Qini curve V_q; arguments and errors are those of `uplift_curve`."""
    return qini_of(_sums(score, treated, response, buckets), one_arm)


def effect_curve(score: npt.ArrayLike, effect: npt.ArrayLike) -> Curve:
    """Return the curve of summed effects.

    No ranking lies above that by the effects themselves, at any point.

    Args:
        score: any score of which more means "treat first", finite, shape [n].
        effect: the effect of treatment on each row, estimated or true, shape [n].

    Raises:
        DataError: the lengths differ, or a value is not finite.
    """
    return effect_of(*ranked_effects(score, effect))


def ranked_effects(score: npt.ArrayLike, effect: npt.ArrayLike) -> tuple[Ints, Floats]:
    """Return the ends of the score's ties, shape [k], and the effects from the highest score down, shape [n].

    Raises:
        DataError: the lengths differ, or a value is not finite.
    """
    scores, effects = finite("score", score), finite("effect", effect)
    if len(scores) != len(effects):
        raise DataError(f"score and effect must be of equal length, got {len(scores)} and {len(effects)}")
    order = np.argsort(-scores)
    return tie_ends(scores[order]), effects[order]


def effect_of(ends: Ints, effects: Floats, weights: Floats | None = None) -> Curve:
    """Return the curve of effects in the order of a ranking.

    Args:
        ends: how many rows lie down to the end of each tie, shape [k].
        effects: an effect for each ranked row, shape [n].
        weights: how often each row counts, shape [..., n]; once without.
    """
    if weights is None:
        return _from_origin(ends.astype(np.float64), down_to(ends, effects))
    return _from_origin(down_to(ends, weights), down_to(ends, weights * effects))


def uplift_of(sums: Sums, one_arm: OneArm = "rising") -> Curve:
    """Return V_u of sums."""
    rows = sums.rows
    lift = _mean(sums.treated_response, sums.treated) - _mean(sums.control_response, sums.control)
    if one_arm == "rising":
        lift = _rising(lift, rows, np.minimum(sums.treated, sums.control))
    return _from_origin(rows, lift * rows)


def qini_of(sums: Sums, one_arm: OneArm = "rising") -> Curve:
    """Return V_q of sums."""
    gain = sums.treated_response - _mean(sums.control_response, sums.control) * sums.treated
    if one_arm == "rising":
        gain = _rising(gain, sums.rows, sums.control)
    return _from_origin(sums.rows, gain)


def _sums(score: npt.ArrayLike, treated: npt.ArrayLike, response: npt.ArrayLike, buckets: int | None) -> Sums:
    ranking = Ranking.of(score, treated, response)
    sums = ranking.sums()
    return sums if buckets is None else sums.at(ranking.bucket_points(buckets))


def _mean(total: Floats, count: Floats) -> Floats:
    """Return total / count, and 0 where nothing was counted."""
    return total / np.maximum(count, _TINY)


def _rising(values: Floats, rows: Floats, seen: Floats) -> Floats:
    """Return the values with a line from the origin to the first point where `seen` is not 0 before that point."""
    first = (seen <= 0).sum(axis=-1, keepdims=True)
    if not first.any():
        return values
    start, height = (np.take_along_axis(part, first, axis=-1) for part in (rows, values))
    return np.where(np.arange(values.shape[-1]) < first, height * (rows / start), values)


def _from_origin(rows: Floats, gain: Floats) -> Curve:
    origin = np.zeros((*gain.shape[:-1], 1))
    rows = np.broadcast_to(rows, gain.shape)
    return Curve(np.concatenate([origin, rows], axis=-1), np.concatenate([origin, gain], axis=-1))
