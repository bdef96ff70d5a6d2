"""Customers of an experiment: what was known of them, which treatment they got, and what they spent.

An arm is the index of a treatment: 0 is the control, 1 … A are the treatments. The uplift of arm a for a customer with
features x is E[Y | x, a] - E[Y | x, 0], in the unit of the response.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from recval.errors import ConfigError, DataError, unknown
from recval.uplift.arms import and_more, arms_of
from recval.uplift.features import feature_frame, held


@dataclass(frozen=True)
class Customers:
    """Rows of features, arms and responses.

    Attributes:
        features: [n rows] numbers, true and false, categories or text; values may be missing.
        arm: [n] int64, 0 … len(arms) - 1; 0 is the control.
        response: [n] float64, finite; revenue, or 0 and 1.
        arms: the names of the arms, the control first.
        truth: [n, A] the true uplift of each treatment, where it is known.
        propensity: [n, A + 1] the true chance of each arm, where it is known.
    """

    features: pd.DataFrame
    arm: npt.NDArray[np.int64]
    response: npt.NDArray[np.float64]
    arms: tuple[str, ...]
    truth: npt.NDArray[np.float64] | None = None
    propensity: npt.NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.arm)

    @property
    def sizes(self) -> dict[str, int]:
        """How many customers each arm has, by its name."""
        return dict(zip(self.arms, np.bincount(self.arm, minlength=len(self.arms)).tolist(), strict=True))

    @classmethod
    def of(
        cls,
        features: pd.DataFrame | npt.ArrayLike,
        treatment: npt.ArrayLike,
        response: npt.ArrayLike,
        *,
        control: object = None,
        arms: Sequence[str] | None = None,
    ) -> Self:
        """Return customers after checks.

        Args:
            features: [n, columns] a DataFrame, or an array of numbers.
            treatment: [n] 0 (control) and 1, or the names of arms, numbers or text.
            response: [n] finite numbers.
            control: the name of the control; where it is None, the one that is 0, False or "control".
            arms: the names of all arms, the control first, where they are known (those that a model was fitted on); by
                default the control, then the others found, sorted.

        Raises:
            DataError: lengths differ, there are fewer than two customers, a treatment is missing or unknown, none is
                the control, an arm has no customer, or a response is missing, infinite, no number, or 0 for all.
        """
        frame = feature_frame(features).reset_index(drop=True)
        labels, outcomes = _column(treatment, "treatment"), _column(response, "response")
        if not len(frame) == len(labels) == len(outcomes):
            raise DataError(
                f"features, treatment and response must have as many rows, got {len(frame)}, {len(labels)} "
                f"and {len(outcomes)}"
            )
        if len(frame) < 2:
            raise DataError(f"found {len(frame)} customer(s); at least 2 are needed, one treated and one control")
        arm, names = arms_of(labels, control, arms)
        return cls(frame, arm, _responses(outcomes), names)

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        treatment: str,
        response: str,
        control: object = None,
        features: Sequence[str] | None = None,
        arms: Sequence[str] | None = None,
    ) -> Self:
        """Return the customers in a DataFrame, one a row.

        Args:
            frame: the customers.
            treatment: the column of treatments.
            response: the column of responses.
            control: as in `of`.
            features: the columns of features; by default all others.
            arms: as in `of`.

        Raises:
            ConfigError: the treatment or the response is named as a feature, or both are one column.
            DataError: a column is missing, or as in `of`.
        """
        frame = feature_frame(frame)
        chosen = [name for name in frame.columns if name not in (treatment, response)] if features is None else features
        for name in (treatment, response, *chosen):
            if name not in frame.columns:
                raise DataError(unknown("column", name, frame.columns))
        if treatment == response or {treatment, response} & set(chosen):
            raise ConfigError(
                f"the treatment {treatment!r} and the response {response!r} must be two columns, and no features"
            )
        return cls.of(frame[list(chosen)], frame[treatment], frame[response], control=control, arms=arms)

    def take(self, rows: npt.NDArray[np.integer] | npt.NDArray[np.bool_]) -> Self:
        """Return some of the customers.

        Args:
            rows: their places, in the order wanted; or a mask [n].
        """
        places = np.flatnonzero(rows) if np.asarray(rows).dtype == bool else np.asarray(rows, np.int64)
        return replace(
            self,
            features=self.features.iloc[places].reset_index(drop=True),
            arm=self.arm[places],
            response=self.response[places],
            truth=None if self.truth is None else self.truth[places],
            propensity=None if self.propensity is None else self.propensity[places],
        )

    def against_control(self, arm: int) -> Self:
        """Return the customers of the control and of one treatment, as an experiment of two arms.

        The propensity becomes that of an arm among these two.

        Args:
            arm: 1 … A.

        Raises:
            ConfigError: there is no such treatment.
        """
        if not 0 < arm < len(self.arms):
            raise ConfigError(f"arm must be 1 to {len(self.arms) - 1}, got {arm} (arms: {', '.join(self.arms)})")
        kept = self.take(np.isin(self.arm, (0, arm)))
        pair = None if kept.propensity is None else kept.propensity[:, [0, arm]]
        return replace(
            kept,
            arm=(kept.arm == arm).astype(np.int64),
            arms=(self.arms[0], self.arms[arm]),
            truth=None if kept.truth is None else kept.truth[:, [arm - 1]],
            propensity=None if pair is None else pair / pair.sum(axis=1, keepdims=True),
        )


def _column(values: npt.ArrayLike, name: str) -> pd.Series:
    if isinstance(values, pd.Series):
        return values.reset_index(drop=True)
    array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(f"the {name} must be one value for each customer, got an array of shape {array.shape}")
    return pd.Series(array)


def _responses(response: pd.Series) -> npt.NDArray[np.float64]:
    if (content := held(response)) not in ("numbers", "nothing"):
        row = int(response.notna().to_numpy().argmax())
        raise DataError(
            f"the response must be numbers, such as 12.5, got {content}: {response.iloc[row]!r} in row {row}"
        )
    values = response.to_numpy(np.float64, na_value=np.nan)
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        raise DataError(f"the response, row {wrong[0]}: {values[wrong[0]]:g} is no finite number{and_more(wrong)}")
    if len(values) and not values.any():
        raise DataError("the response is 0 for every customer; there is nothing to learn from it")
    return values
