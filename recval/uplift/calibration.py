"""Post-hoc calibration: uplift that ranks well is given the level, and the spread, that held-out customers show.

Networks trained to rank, or on heavy-tailed revenue, may order customers well and yet be off in money by far. A
calibration is fitted on customers that the model was not trained on: their predicted uplift, and an unbiased effect
of each (`recval.uplift.doubly_robust.Scores.effects`; a single effect is almost all noise, only means of many count).
Each treatment has its own. All of them rise strictly, so the ranking by one treatment stays as it was, ties included;
between treatments it may change, as they are brought to one scale.

How to choose: `level` moves all predictions alike and needs least data (some hundred customers who buy, in each arm).
`linear` also mends the spread, and is the best choice where that is off by a factor. `isotonic` follows any rising
shape over groups of customers of like prediction, and needs tens of thousands of rows. None can mend a wrong order.
Do not calibrate on the training rows: there a model is right about the mean, and wrong elsewhere.

The precision of the level is that of the held-out mean effect: with n rows it is off by some sd(effects) / sqrt(n).

References: Chernozhukov, Demirer, Duflo, Fernández-Val, "Generic machine learning inference on heterogeneous treatment
effects", 2018 (best linear predictor); van der Laan, Ulloa-Pérez, Carone, Luedtke, "Causal isotonic calibration for
heterogeneous treatment effects", ICML 2023; Barlow et al., "Statistical inference under order restrictions", 1972.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, PositiveInt
from scipy.stats import rankdata
from sklearn.isotonic import isotonic_regression

from recval.declarations import Declaration
from recval.errors import DataError
from recval.uplift.calibrator import Calibrator, Rising
from recval.uplift.checks import Floats, per_arm, same_shape

_LEAST_RISE = 0.1
"""A standard deviation of predictions becomes at least this share of the standard error of the mean effect: too
little to be told from a constant, enough to keep the order."""


class Calibration(Declaration, ABC):
    """The settings of a calibration."""

    def fit(self, uplift: npt.ArrayLike, effects: npt.ArrayLike) -> Calibrator:
        """Return the calibration of held-out customers.

        Args:
            uplift: what was predicted for them, shape [n] or [n, A].
            effects: an unbiased effect of each treatment on each of them, of the same shape.

        Raises:
            DataError: the shapes differ, a value is not finite, or the effects allow no such calibration.
        """
        predicted, found = per_arm("the uplift", uplift), per_arm("the effects", effects)
        same_shape("the effects", found, "the uplift", predicted.shape)
        return Calibrator(tuple(self._map(x, y) for x, y in zip(predicted.T, found.T, strict=True)))

    @abstractmethod
    def _map(self, predicted: Floats, effects: Floats) -> Rising:
        """Return the map of one treatment, from [n] predictions and [n] effects."""


class Level(Calibration):
    """The mean alone is mended.

    Attributes:
        form: whether a number is added or predictions are multiplied by one.
        shrink: whether an additive move d is shrunk by 1 - se(d)^2 / d^2, to none where d is below its standard error.
            Better on average where the model's own level is a good guess and the held-out rows are few.
    """

    kind: Literal["level"] = "level"
    form: Literal["additive", "multiplicative"] = "additive"
    shrink: bool = False

    def _map(self, predicted: Floats, effects: Floats) -> Rising:
        if self.form == "multiplicative":
            return Rising((0.0,), (0.0,), _factor(predicted.mean(), effects.mean()))
        gap = effects - predicted
        move = gap.mean()
        if self.shrink and move:
            move *= max(0.0, 1 - (_standard_error(gap) / move) ** 2)
        return Rising((0.0,), (float(move),), 1.0)


class Linear(Calibration):
    """The mean and the spread are mended, by least squares of the effects on the predictions.

    Where effects do not rise with the predictions, a warning says so, and what comes out is almost their mean.
    """

    kind: Literal["linear"] = "linear"

    def _map(self, predicted: Floats, effects: Floats) -> Rising:
        centre, level, spread = float(predicted.mean()), float(effects.mean()), float(predicted.std())
        if _is_constant(predicted):
            return Rising((centre,), (level,), 1.0)
        slope = float(np.mean((predicted - centre) / spread * (effects - level)) / spread)
        least = _least_slope(predicted, effects)
        if slope < least:
            warnings.warn(
                f"held-out effects do not rise with the predicted uplift (slope {slope:.3g}, 1 if it were calibrated): "
                f"calibrated predictions are almost constant, at {level:.4g}",
                stacklevel=4,
            )
        return Rising((centre,), (level,), max(slope, least))


class Isotonic(Calibration):
    """The best rising shape over groups of customers of like prediction, straight between their means.

    It is the exact least-squares fit to the groups' mean effects among all maps that rise by a least slope, one too
    small to be told from none; the whole is then moved to the mean effect. Beyond the means of the outer groups it
    rises by that least slope alone: those customers keep their order, but little of what sets them apart in money.

    Attributes:
        groups: how many groups of equal size; equal predictions are never parted. None: every prediction its own
            group, which follows the noise of single effects at both ends.
    """

    kind: Literal["isotonic"] = "isotonic"
    groups: PositiveInt | None = 10

    def _map(self, predicted: Floats, effects: Floats) -> Rising:
        if _is_constant(predicted):
            return Rising((float(predicted.mean()),), (float(effects.mean()),), 1.0)
        slope = _least_slope(predicted, effects)
        group = _groups(predicted, self.groups)
        size = np.bincount(group)
        x, means = (np.bincount(group, weights=values) / size for values in (predicted, effects))
        y = isotonic_regression(means - slope * x, sample_weight=size.astype(np.float64)) + slope * x
        raw = Rising(tuple(x.tolist()), tuple(y.tolist()), slope)
        return Rising(raw.x, tuple((y + (effects.mean() - raw(predicted).mean())).tolist()), slope)


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
    share = (rankdata(predicted) - 0.5) / len(predicted)
    return np.unique((share * groups).astype(np.int64), return_inverse=True)[1]


def _is_constant(predicted: Floats) -> bool:
    """Return whether predictions differ by no more than rounding."""
    return bool(np.ptp(predicted) <= 1e-12 * np.abs(predicted).max())


def _least_slope(predicted: Floats, effects: Floats) -> float:
    """Return the least rise for each unit of prediction; above 0 even where all effects are equal."""
    rise = _LEAST_RISE * _standard_error(effects) or 1e-6 * (abs(float(effects.mean())) or 1.0)
    return rise / float(predicted.std())


def _standard_error(values: Floats) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("inf")
