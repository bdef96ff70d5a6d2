"""The findings on customers that were held out: of each treatment against the control, and of a plan whom to treat."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from recval.recipes.uplift.evaluation import Evaluation
from recval.uplift.checks import Floats
from recval.uplift.customers import Customers
from recval.uplift.effects.doubly_robust import Estimate, Scores
from recval.uplift.metrics import (
    Curve,
    Interval,
    auuc_null_test,
    bootstrap,
    bootstrap_rate,
    calibration_table,
    measure,
    null_band,
    qini_curve,
    uplift_curve,
)
from recval.uplift.metrics.measuring import RATES, TRUTHS
from recval.uplift.metrics.rank_metrics import is_rank_metric
from recval.uplift.targeting import Budget, measured_roi_curve, roi_curve, target
from recval.uplift.targeting.gainers import gainers

Found = dict[str, Any]
Ranked = tuple[Floats, npt.NDArray[np.bool_], Floats]
_CURVES: Mapping[Literal["uplift", "qini"], Callable[..., Curve]] = {"uplift": uplift_curve, "qini": qini_curve}
_DECILE, _FEATURES = 0.1, 12


@dataclass(frozen=True)
class Findings:
    """Customers, what was predicted for them, and their doubly robust scores."""

    uplift: Floats
    customers: Customers
    scores: Scores
    settings: Evaluation

    def of_arm(self, place: int) -> Found:
        """Return what is found of one treatment against the control.

        `treated` and `control`, how many customers; `predicted`, the mean uplift, and the `average_effect`; `metrics`;
        of the `top` share the observed effect; `curves`, per customer, with bands; `deciles` of the prediction;
        `gainers`, who is in the highest tenth; `truth`, where it is known.
        """
        uplift, customers, settings = self.uplift[:, place], self.customers, self.settings
        ranked = self._ranked(place)
        metric = f"lift@{100 * settings.top:g}"
        top = bootstrap(*ranked, metric=metric, resamples=settings.resamples, rng=settings.seed)
        return {
            "treated": int(ranked[1].sum()),
            "control": int((~ranked[1]).sum()),
            "predicted": float(uplift.mean()),
            "average_effect": _estimate(self.scores.average_effects()[place]),
            "metrics": {name: self._metric(name, place, ranked) for name in settings.metrics},
            "top": {"share": settings.top, **_interval(top)},
            "curves": {name: self._curve(name, ranked) for name in _CURVES},
            "deciles": calibration_table(*ranked).to_dict("records"),
            "gainers": gainers(customers.features, uplift, top=_DECILE).head(_FEATURES).to_dict("records"),
            "truth": None if customers.truth is None else self._truth(place),
        }

    def of_plan(self, budget: Budget) -> Found:
        """Return whom a plan treats, what predictions promise of it, and what held-out customers earned under it."""
        arms, n, settings = self.customers.arms, len(self.customers), self.settings
        chosen = target(self.uplift, budget, arms=arms)
        gain = self.scores.gain(chosen.arm)
        earned = Estimate(budget.margin * gain.mean - chosen.spent / n, budget.margin * gain.standard_error)
        sizes = np.bincount(chosen.arm, minlength=len(arms))
        unlimited = budget.model_copy(update={"least_return": 0.0})
        measured = measured_roi_curve(
            self.uplift, self.scores, unlimited, arms=arms, draws=settings.resamples, rng=settings.seed
        )
        return {
            "customers": n,
            "treated": dict(zip(arms[1:], sizes[1:].tolist(), strict=True)),
            "cost": dict(zip(arms[1:], budget.costs(arms[1:]).tolist(), strict=True)),
            "budget": budget.budget,
            "margin": budget.margin,
            "spent": chosen.spent,
            "revenue": chosen.revenue,
            "profit": chosen.profit,
            "earned": _estimate(earned),
            "promised_curve": roi_curve(self.uplift, unlimited, arms=arms).to_dict("list"),
            "measured_curve": measured.to_dict("list"),
        }

    def _ranked(self, place: int) -> Ranked:
        """Return score, treatment and response of the customers of one treatment and of the control."""
        rows = np.isin(self.customers.arm, (0, place + 1))
        return self.uplift[rows, place], self.customers.arm[rows] > 0, self.customers.response[rows]

    def _metric(self, name: str, place: int, ranked: Ranked) -> Found:
        """Return a metric with its bootstrap interval, and what random rankings reach, as far as it has these."""
        settings, nothing = self.settings, {"null_low": None, "null_high": None, "p_value": None}
        if name in RATES:
            effect = self.scores.effects[:, place]
            found = bootstrap_rate(
                self.uplift[:, place],
                effect,
                weighting=RATES[name],
                resamples=settings.resamples,
                rng=settings.seed,
            )
            return _interval(found) | nothing
        if not is_rank_metric(name):
            return {"value": self._measured([name], place)[name], "low": None, "high": None} | nothing
        interval = bootstrap(*ranked, metric=name, resamples=settings.resamples, rng=settings.seed)
        null = auuc_null_test(*ranked, metric=name, draws=settings.rankings, rng=settings.seed)
        ends = {"null_low": null.quantile(0.025), "null_high": null.quantile(0.975)}
        return _interval(interval) | ends | {"p_value": null.p_value}

    def _curve(self, name: Literal["uplift", "qini"], ranked: Ranked) -> Found:
        """Return a curve and its band at the same shares; gains are per customer."""
        band = null_band(*ranked[1:], curve=name, draws=self.settings.rankings, rng=self.settings.seed)
        gains = {"gain": _CURVES[name](*ranked).at(band.share), "low": band.low, "high": band.high}
        n = len(ranked[2])
        return {"share": band.share.tolist(), **{part: (gain / n).tolist() for part, gain in gains.items()}}

    def _truth(self, place: int) -> Found:
        assert self.customers.truth is not None
        return self._measured(list(TRUTHS), place) | {"sd": float(self.customers.truth[:, place].std())}

    def _measured(self, names: Sequence[str], place: int) -> Found:
        found = measure(names, self.uplift, self.customers)
        return dict(zip(names, found.iloc[place].tolist(), strict=True))


def _estimate(found: Estimate) -> Found:
    low, high = found.interval()
    return {"estimate": found.mean, "low": low, "high": high}


def _interval(found: Interval) -> Found:
    return {"value": found.value, "low": found.low, "high": found.high}
