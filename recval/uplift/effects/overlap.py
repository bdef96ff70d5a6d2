"""Overlap: whether every arm has customers of every kind, so that there is somebody to compare with.

Where a propensity is near 0 or 1 there is nobody, and dividing by it lets a few rows decide. `overlap_of` says how many
customers the weighted arms are worth; `clipped` holds propensities within bounds, at the price of some bias, and says
how many it touched. Where many are, leave those customers out of the question rather than trust the answer.

References: Crump, Hotz, Imbens, Mitnik, "Dealing with limited overlap in estimation of average treatment effects",
2009; Kish, "Survey sampling", 1965 (effective sample size).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recval.errors import ConfigError, DataError
from recval.uplift.checks import Floats, Ints, arm_codes, per_arm

BOUNDS = (0.01, 0.99)
"""Propensities are held within these by default."""


@dataclass(frozen=True)
class Overlap:
    """How far the arms share their customers.

    Attributes:
        rows: customers of each arm, shape [A + 1].
        effective: how many customers of equal weight each arm is worth once weighted by 1 / propensity, [A + 1].
        lowest: the lowest propensity of each arm over all customers, [A + 1].
        highest: the highest one, [A + 1].
        beyond: the share of customers of whom some propensity is beyond the bounds, in [0, 1].
        bounds: the bounds.
    """

    rows: Ints
    effective: Floats
    lowest: Floats
    highest: Floats
    beyond: float
    bounds: tuple[float, float]

    def lines(self, arms: tuple[str, ...]) -> list[str]:
        """Return a line for each arm, and one for what is beyond the bounds."""
        each = zip(arms, self.rows, self.effective, self.lowest, self.highest, strict=True)
        return [
            *(
                f"{name}: {rows:,} customers, worth {effective:,.0f} once weighted; propensity {low:.3g} to {high:.3g}"
                for name, rows, effective, low, high in each
            ),
            f"{self.beyond:.2%} of the customers have a propensity beyond [{self.bounds[0]:g}, {self.bounds[1]:g}]",
        ]


def overlap_of(propensity: npt.ArrayLike, arm: npt.ArrayLike, bounds: tuple[float, float] = BOUNDS) -> Overlap:
    """Return how far the arms overlap.

    Args:
        propensity: each customer's chance of each arm, shape [n, A + 1].
        arm: the arm of each, shape [n].
        bounds: between which every propensity should lie.

    Raises:
        ConfigError: the bounds are no interval within (0, 1).
        DataError: the propensities are not finite and within [0, 1], or the shapes do not fit.
    """
    chances = _checked(propensity, bounds)
    codes = arm_codes("the arms", arm, len(chances), chances.shape[1])
    own = np.maximum(chances[np.arange(len(codes)), codes], np.finfo(np.float64).tiny)
    least = np.full(chances.shape[1], np.inf)
    np.minimum.at(least, codes, own)
    scaled = least[codes] / own  # The weight 1 / propensity, in units of the arm's largest.
    total, squares = (np.bincount(codes, each, chances.shape[1]) for each in (scaled, scaled**2))
    return Overlap(
        rows=np.bincount(codes, minlength=chances.shape[1]),
        effective=np.divide(total**2, squares, out=np.zeros_like(total), where=squares > 0),
        lowest=chances.min(axis=0),
        highest=chances.max(axis=0),
        beyond=float(_beyond(chances, bounds).mean()),
        bounds=bounds,
    )


def clipped(propensity: npt.ArrayLike, bounds: tuple[float, float] = BOUNDS) -> Floats:
    """Return propensities held within bounds, shape [n, A + 1]; they then need not sum to 1. Warns if it changes one.

    Raises:
        ConfigError: the bounds are no interval within (0, 1).
        DataError: the propensities are not finite and within [0, 1].
    """
    chances = _checked(propensity, bounds)
    if (share := _beyond(chances, bounds).mean()) > 0:
        warnings.warn(
            f"{share:.2%} of the customers have a propensity beyond [{bounds[0]:g}, {bounds[1]:g}], which was clipped: "
            f"little is known of them, and effects may be biased",
            stacklevel=3,
        )
    return chances.clip(*bounds)


def _checked(propensity: npt.ArrayLike, bounds: tuple[float, float]) -> Floats:
    if not 0 < bounds[0] <= bounds[1] < 1:
        raise ConfigError(f"the bounds of propensities must lie within (0, 1), the lower first. Got {bounds} instead")
    chances = per_arm("the propensities", propensity)
    if chances.shape[1] < 2:
        raise DataError("the propensities must have a column for each arm, the control first, found one column")
    if chances.min() < 0 or chances.max() > 1:
        raise DataError(f"propensities must lie within [0, 1], found {chances.min():.4g} to {chances.max():.4g}")
    return chances


def _beyond(chances: Floats, bounds: tuple[float, float]) -> npt.NDArray[np.bool_]:
    return np.any((chances < bounds[0]) | (chances > bounds[1]), axis=1)
