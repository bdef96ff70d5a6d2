"""Kendall's rank correlation of a score with what buckets of it gained (KRCC in He et al., KDD 2024).

The ranking is cut into quantile buckets, and the rank of a bucket is compared with the difference of the mean responses
of its treated and control rows. Two versions differ where buckets gained the same, which is common where few rows buy
at all: tau-b counts such pairs as ties and takes them out of the denominator; the authors' code ranks the gains by
`numpy.argsort`, which puts equal ones into an order of its own that changes with the processor. How to choose: tau-b;
`argsort` only to compare with published figures. When not to use: with few buyers a bucket most buckets say nothing;
look at the null band.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from recval.errors import ConfigError, unknown
from recval.uplift.checks import Floats
from recval.uplift.metrics.ranking import BUCKETS, Ranking, Sums

Ties = Literal["tau-b", "argsort"]


def rank_correlation(
    score: npt.ArrayLike,
    treated: npt.ArrayLike,
    response: npt.ArrayLike,
    *,
    ties: Ties = "tau-b",
    buckets: int = BUCKETS,
) -> float:
    """Return Kendall's rank correlation of buckets with their gain, in [-1, 1]; NaN where all gained the same.

    Buckets in which an arm has no row are left out.

    Args:
        score: any score of which more means "treat first", finite, shape [n].
        treated: booleans, or 0 and 1, shape [n].
        response: the outcome, finite, shape [n].
        ties: what becomes of buckets that gained the same.
        buckets: into how many quantile buckets the ranking is cut.

    Raises:
        ConfigError: `ties` is unknown.
        DataError: the lengths differ, a value is not finite, `treated` is not 0 or 1, or an arm has no row.
    """
    if ties not in ("tau-b", "argsort"):
        raise ConfigError(unknown("way with ties", ties, ("tau-b", "argsort")))
    ranking = Ranking.of(score, treated, response)
    sums = ranking.sums().at(ranking.bucket_points(buckets))
    return float(kendall_of(sums) if ties == "tau-b" else kendall_argsort_of(sums))


def kendall_of(sums: Sums) -> Floats:
    """Return Kendall's tau-b of buckets with their gain; `sums` at the ends of buckets, shape [...]."""
    return _tau_b(_gains(sums))


def kendall_argsort_of(sums: Sums) -> Floats:
    """Return Kendall's tau of buckets with the places of their gains; `sums` at the ends of buckets, shape [...]."""
    gain = _gains(sums)
    place = np.empty(gain.shape)
    np.put_along_axis(place, np.argsort(gain, axis=-1), np.arange(gain.shape[-1], dtype=np.float64), axis=-1)
    return _tau_b(np.where(np.isnan(gain), np.nan, place))


def _gains(sums: Sums) -> Floats:
    """Return what each bucket gained, best first, NaN where it lacks an arm, shape [..., buckets]."""
    within = sums.steps()
    treated, control = (np.where(count > 0, count, np.nan) for count in (within.treated, within.control))
    return within.treated_response / treated - within.control_response / control


def _tau_b(gain: Floats) -> Floats:
    """Return Kendall's tau-b of values, shape [..., k], with an order that falls along the last axis, shape [...]."""
    first, second = np.triu_indices(gain.shape[-1], 1)
    pairs = np.sign(gain[..., first] - gain[..., second])
    untied = np.nansum(np.abs(pairs), axis=-1)
    compared = np.isfinite(pairs).sum(axis=-1)
    return np.nansum(pairs, axis=-1) / np.where(untied > 0, np.sqrt(untied * compared), np.nan)
