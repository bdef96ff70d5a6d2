"""Post-hoc calibration: uplift that ranks well is given the level, and the spread, that customers show.

Networks trained to rank, or on heavy-tailed revenue, may order customers well and yet be off in money by far. A
calibration is fitted to customers' predicted uplift, and to an unbiased effect of each
(`recval.uplift.effects.doubly_robust.Scores.effects`; a single effect is almost all noise, only means of many count).
Each treatment has its own. All of them rise strictly, so the ranking by one treatment stays as it was, ties included;
between treatments it may change, as they are brought to one scale.

A calibration has two parts. The shape is fitted on customers that the model was not trained on: on its training rows a
model follows the noise, and looks as if its spread were right. The level is that of all customers, trained on or not:
what a model follows of the noise of single rows leaves the mean of its predictions alone, and the mean effect of all
rows has less than half the noise of that of the fifth that is held out.

The level moves by d, the mean effect less the mean prediction, shrunk by 1 - se(d)^2 / d^2, to none where |d| is below
its standard error: the positive part of an empirical Bayes estimate (James & Stein 1961, for one number), as the
model's own level, mostly learnt from the same rows, is a good guess. Where the model is unbiased, a third remains of
the variance that d would add.

How to choose: `level` moves all predictions alike. It helps after ranking losses and with the mse head, whose levels
are off; a likelihood that fits has a level that is as good as that of the mean effect, and keeps it by the shrinkage.
`linear` also mends the spread, where that is off by a factor, and `isotonic` follows any rising shape over groups of
customers of like prediction; both need tens of thousands of held-out rows, or they add more noise than they mend. None
can mend a wrong order.

References: Chernozhukov, Demirer, Duflo, Fernández-Val, "Generic machine learning inference on heterogeneous treatment
effects", 2018 (best linear predictor); van der Laan, Ulloa-Pérez, Carone, Luedtke, "Causal isotonic calibration for
heterogeneous treatment effects", ICML 2023; Barlow et al., "Statistical inference under order restrictions", 1972;
Efron & Morris, "Stein's estimation rule and its competitors: an empirical Bayes approach", 1973.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, PositiveInt

from recval.declarations import Declaration
from recval.errors import DataError
from recval.uplift.calibrator import Calibrator, Rising
from recval.uplift.checks import Floats, per_arm, same_shape

_LEAST_RISE = 0.1
"""A standard deviation of predictions becomes at least this share of the standard error of the mean effect: too
little to be told from a constant, enough to keep the order."""


class Calibration(Declaration, ABC):
    """The settings of a calibration.

    Attributes:
        shrink: whether the move of the level is shrunk by what its noise is; without, the mean prediction becomes the
            mean effect.
    """

    shrink: bool = True

    def fit(
        self, uplift: npt.ArrayLike, effects: npt.ArrayLike, unseen: npt.NDArray[np.bool_] | None = None
    ) -> Calibrator:
        """Return the calibration that customers ask for.

        Args:
            uplift: what was predicted for them, shape [n] or [n, A].
            effects: an unbiased effect of each treatment on each of them, of the same shape.
            unseen: which of them the model was not trained on, shape [n], one at least; None for all.

        Raises:
            DataError: the shapes differ, a value is not finite, or the effects allow no such calibration.
        """
        predicted, found = per_arm("the uplift", uplift), per_arm("the effects", effects)
        same_shape("the effects", found, "the uplift", predicted.shape)
        rows = np.ones(len(predicted), bool) if unseen is None else unseen
        if not rows.any():
            raise DataError("a calibration needs a customer that the model was not trained on, and there is none")
        return Calibrator(tuple(self._map(x, y, rows) for x, y in zip(predicted.T, found.T, strict=True)))

    @abstractmethod
    def _shape(self, predicted: Floats, effects: Floats) -> Rising:
        """Return the shape of one treatment's map, which keeps the mean of the [n] predictions that it is fitted on."""

    def _map(self, predicted: Floats, effects: Floats, unseen: npt.NDArray[np.bool_]) -> Rising:
        """Return the map of one treatment: the shape of unseen customers, at the level of all."""
        shape = self._shape(predicted[unseen], effects[unseen])
        move = self._move(effects - shape(predicted))
        return Rising(shape.x, tuple(y + move for y in shape.y), shape.slope)

    def _move(self, gap: Floats) -> float:
        """Return by how much the level moves, from effects less predictions, shape [n]."""
        move = float(gap.mean())
        if self.shrink and move:
            move *= max(0.0, 1 - (_standard_error(gap) / move) ** 2)
        return move


class Level(Calibration):
    """The mean alone is mended.

    Attributes:
        form: whether a number is added or predictions are multiplied by one.
    """

    kind: Literal["level"] = "level"
    form: Literal["additive", "multiplicative"] = "additive"

    def _shape(self, predicted: Floats, effects: Floats) -> Rising:
        return Rising((0.0,), (0.0,), 1.0)

    def _map(self, predicted: Floats, effects: Floats, unseen: npt.NDArray[np.bool_]) -> Rising:
        if self.form == "additive":
            return super()._map(predicted, effects, unseen)
        mean = float(predicted.mean())
        return Rising((0.0,), (0.0,), _factor(mean, mean + self._move(effects - predicted)))


class Linear(Calibration):
    """The mean and the spread are mended, the spread by least squares of the effects on the predictions.

    Where effects do not rise with the predictions, a warning says so, and what comes out is almost constant.
    """

    kind: Literal["linear"] = "linear"

    def _shape(self, predicted: Floats, effects: Floats) -> Rising:
        centre, spread = float(predicted.mean()), float(predicted.std())
        if _is_constant(predicted):
            return Rising((centre,), (centre,), 1.0)
        slope = float(np.mean((predicted - centre) / spread * (effects - effects.mean())) / spread)
        least = _least_slope(predicted, effects)
        if slope < least:
            warnings.warn(
                f"held-out effects do not rise with the predicted uplift (slope {slope:.3g}, 1 if it were calibrated): "
                "calibrated predictions are almost constant",
                stacklevel=5,
            )
        return Rising((centre,), (centre,), max(slope, least))


class Isotonic(Calibration):
    """The best rising shape over groups of customers of like prediction, straight between their means.

    It is the exact least-squares fit to the groups' mean effects among all maps that rise by a least slope, one too
    small to be told from none. Beyond the means of the outer groups it rises by that least slope alone: those customers
    keep their order, but little of what sets them apart in money.

    Attributes:
        groups: how many groups of equal size; equal predictions are never parted. None: every prediction its own
            group, which follows the noise of single effects at both ends.
    """

    kind: Literal["isotonic"] = "isotonic"
    groups: PositiveInt | None = 10

    def _shape(self, predicted: Floats, effects: Floats) -> Rising:
        from sklearn.isotonic import isotonic_regression

        centre = float(predicted.mean())
        if _is_constant(predicted):
            return Rising((centre,), (centre,), 1.0)
        slope = _least_slope(predicted, effects)
        group = _groups(predicted, self.groups)
        size = np.bincount(group)
        x, means = (np.bincount(group, weights=values) / size for values in (predicted, effects))
        y = isotonic_regression(means - slope * x, sample_weight=size.astype(np.float64)) + slope * x
        raw = Rising(tuple(x.tolist()), tuple(y.tolist()), slope)
        return Rising(raw.x, tuple((y + (centre - raw(predicted).mean())).tolist()), slope)


AnyCalibration = Annotated[Level | Linear | Isotonic, Field(discriminator="kind")]
"""A calibration in a recipe."""


def _factor(predicted: float, effect: float) -> float:
    if not predicted * effect > 0:
        raise DataError(
            f"a multiplicative level needs a mean effect and a mean prediction of one sign, found {effect:.4g} and "
            f"{predicted:.4g}: take the additive form"
        )
    return float(effect / predicted)


def _groups(predicted: Floats, groups: int | None) -> npt.NDArray[np.int64]:
    """Return the group of each row, numbered by rising prediction without gaps; ties lie in the middle one's group."""
    if groups is None:
        return np.unique(predicted, return_inverse=True)[1]
    _, place, size = np.unique(predicted, return_inverse=True, return_counts=True)
    share = (np.cumsum(size) - size / 2) / len(predicted)
    return np.unique((share * groups).astype(np.int64)[place], return_inverse=True)[1]


def _is_constant(predicted: Floats) -> bool:
    """Return whether predictions differ by no more than rounding."""
    return bool(np.ptp(predicted) <= 1e-12 * np.abs(predicted).max())


def _least_slope(predicted: Floats, effects: Floats) -> float:
    """Return the least rise for each unit of prediction; above 0 even where all effects are equal."""
    rise = _LEAST_RISE * _standard_error(effects) or 1e-6 * (abs(float(effects.mean())) or 1.0)
    return rise / float(predicted.std())


def _standard_error(values: Floats) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("inf")
