"""A fitted calibration of uplift: rising maps, and how they are kept as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recval.errors import DataError
from recval.uplift.checks import Floats, per_arm


@dataclass(frozen=True)
class Rising:
    """A continuous, rising map of straight pieces: through the points (x, y), and beyond them with a slope."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    slope: float

    def __call__(self, values: Floats) -> Floats:
        """Return the map of each value."""
        beyond = np.minimum(values - self.x[0], 0) + np.maximum(values - self.x[-1], 0)
        return np.interp(values, self.x, self.y) + self.slope * beyond


@dataclass(frozen=True)
class Calibrator:
    """A fitted calibration: a rising map for each treatment."""

    maps: tuple[Rising, ...]

    def __call__(self, uplift: npt.ArrayLike) -> Floats:
        """Return the calibrated uplift, in the shape of `uplift`, [n] or [n, A].

        Raises:
            DataError: the uplift is not finite, or of another number of treatments.
        """
        table = per_arm("the uplift", uplift)
        if table.shape[1] != len(self.maps):
            raise DataError(f"the calibration is of {len(self.maps)} treatments, the uplift of {table.shape[1]}")
        columns = [rising(column) for rising, column in zip(self.maps, table.T, strict=True)]
        return np.stack(columns, axis=1).reshape(np.shape(uplift))

    def state(self) -> dict[str, Any]:
        """Return what `from_state` takes, of lists and numbers alone."""
        return {"maps": [{"x": list(each.x), "y": list(each.y), "slope": each.slope} for each in self.maps]}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Calibrator:
        """Return the calibrator whose `state` this is."""
        return cls(tuple(Rising(tuple(each["x"]), tuple(each["y"]), each["slope"]) for each in state["maps"]))
