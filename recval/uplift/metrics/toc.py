"""Targeting operator characteristic (TOC), and rank-weighted average treatment effects (RATE) below it.

TOC(q) is how much larger the mean effect is among the share q ranked highest than among all. RATE is the integral of
a(q) TOC(q) over q: with a(q) = 1 it is AUTOC, with a(q) = q the Qini coefficient (Yadlowsky, Fleming, Shah, Brunskill
and Wager, "Evaluating Treatment Prioritization Rules via Rank-Weighted Average Treatment Effects", JASA 2025). Both are
in the unit of the effect, about 0 for a random ranking, and exactly 0 for a constant score. The integrals are exact for
the straight pieces of `effect_curve`.

How to choose: AUTOC where few customers are believed to respond, Qini where many do. They need an effect for each row:
doubly robust ones, the truth, or, where treatment was random, `randomised_effects`. When not to use: AUTOC leans on the
very few rows at the top, so its interval is wide where responses have heavy tails.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from recval.errors import ConfigError, DataError, unknown
from recval.uplift.checks import Floats
from recval.uplift.metrics.curves import Curve, effect_curve
from recval.uplift.metrics.ranking import as_arm, finite

Weighting = Literal["autoc", "qini"]


def toc(score: npt.ArrayLike, effect: npt.ArrayLike, share: npt.ArrayLike) -> Floats:
    """Return TOC at some shares, as `share`.

    Args:
        score: any score of which more means "treat first", finite, shape [n].
        effect: the effect of treatment on each row, estimated or true, shape [n].
        share: shares of the rows, above 0, at most 1.

    Raises:
        ConfigError: a share is not above 0 and at most 1.
        DataError: the lengths differ, or a value is not finite.
    """
    shares = np.asarray(share, np.float64)
    if not ((shares > 0) & (shares <= 1)).all():
        raise ConfigError(f"shares must be above 0 and at most 1, got {shares.min():g} to {shares.max():g}")
    curve = effect_curve(score, effect)
    n = curve.rows[-1]
    return curve.at(shares) / (n * shares) - curve.total / n


def rate(score: npt.ArrayLike, effect: npt.ArrayLike, *, weighting: Weighting = "autoc") -> float:
    """Return the rank-weighted average treatment effect.

    Args:
        score: any score of which more means "treat first", finite, shape [n].
        effect: the effect of treatment on each row, estimated or true, shape [n].
        weighting: `autoc`, a(q) = 1, or `qini`, a(q) = q.

    Raises:
        ConfigError: the weighting is unknown.
        DataError: the lengths differ, or a value is not finite.
    """
    return float(rate_of(effect_curve(score, effect), weighting))


def rate_of(curve: Curve, weighting: Weighting) -> Floats:
    """Return the rank-weighted average treatment effect of curves of effects, shape [...].

    Raises:
        ConfigError: the weighting is unknown.
    """
    if weighting not in get_args(Weighting):
        raise ConfigError(unknown("weighting", weighting, get_args(Weighting)))
    n = curve.rows[..., -1]
    if weighting == "qini":
        return (curve.area() - curve.total / 2) / n
    return _autoc(curve) - curve.total / n


def randomised_effects(treated: npt.ArrayLike, response: npt.ArrayLike, chance: npt.ArrayLike | None = None) -> Floats:
    """Return an unbiased effect for each row of a randomised experiment, shape [n].

    These are the doubly robust effects of a model that knows no more than the mean response of each arm; with the
    observed share as chance their mean is the difference of the two means.

    Args:
        treated: booleans, or 0 and 1, shape [n].
        response: the outcome, finite, shape [n].
        chance: the chance of treatment, above 0, below 1, a number or shape [n]; without, the share of treated rows.

    Raises:
        DataError: the lengths differ, a value is not finite, `treated` is not 0 or 1, an arm has no row, or a chance is
            0 or 1.
    """
    outcome, arm = finite("response", response), as_arm(treated)
    if len(outcome) != len(arm):
        raise DataError(f"treated and response must be of equal length, got {len(arm)} and {len(outcome)}")
    e = np.asarray(arm.mean() if chance is None else chance, np.float64)
    if not ((e > 0) & (e < 1)).all():
        raise DataError(f"the chance of treatment must be above 0 and below 1, got {e.min():g} to {e.max():g}")
    means = outcome[arm].mean(), outcome[~arm].mean()
    return means[0] - means[1] + np.where(arm, (outcome - means[0]) / e, -(outcome - means[1]) / (1 - e))


def _autoc(curve: Curve) -> Floats:
    """Return the integral of the mean effect in the top q over q: G(q) / (n q), G straight from a to b."""
    a, b = (curve.rows[..., part] / curve.rows[..., -1:] for part in (slice(None, -1), slice(1, None)))
    width = b - a
    slope = np.diff(curve.gain, axis=-1) / np.where(width > 0, width, 1.0)
    intercept = curve.gain[..., :-1] - slope * a
    logs = np.log(np.where(a > 0, b, 1.0) / np.where(a > 0, a, 1.0))
    return (slope * width + intercept * logs).sum(axis=-1) / curve.rows[..., -1]
