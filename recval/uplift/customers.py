"""Customers of an experiment: what was known of them, which treatment they got, and what they spent.

An arm is the index of a treatment: 0 is the control, 1 … A are the treatments. The uplift of arm a for a customer with
features x is E[Y | x, a] - E[Y | x, 0], in the unit of the response.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from recval.errors import ConfigError, DataError, unknown
from recval.uplift.features import feature_frame

_CONTROLS = ("0", "control")
"""Names of arms, in lower case, that say of themselves that they are the control."""


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
        labels = _column(treatment, "treatment")
        values = _responses(response)
        if not len(frame) == len(labels) == len(values):
            raise DataError(
                f"features, treatment and response must have as many rows, got {len(frame)}, {len(labels)} "
                f"and {len(values)}"
            )
        if len(frame) < 2:
            raise DataError(f"found {len(frame)} customer(s); at least 2 are needed, one treated and one control")
        arm, names = _arms(labels, control, arms)
        return cls(frame, arm, values, names)

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


def _responses(response: npt.ArrayLike) -> npt.NDArray[np.float64]:
    try:
        values = _column(response, "response").to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise DataError(f"the response must be numbers: {error}") from None
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        raise DataError(f"the response, row {wrong[0]}: {values[wrong[0]]:g} is no finite number{_others(wrong)}")
    if len(values) and not values.any():
        raise DataError("the response is 0 for every customer; there is nothing to learn from it")
    return values


def _arms(
    labels: pd.Series, control: object, arms: Sequence[str] | None
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Return the arm of each row, and the names of the arms."""
    missing = np.flatnonzero(labels.isna())
    if len(missing):
        raise DataError(f"the treatment, row {missing[0]}: it is missing{_others(missing)}; say 0 for the control")
    places, distinct = pd.factorize(labels)
    texts = [_name(label) for label in distinct]
    found = _sorted_names(texts)
    names = tuple(arms) if arms is not None else _control_first(found, control)
    for text in texts:
        if text not in names:
            row = int(np.flatnonzero(places == texts.index(text))[0])
            raise DataError(f"the treatment, row {row}: {unknown('arm', text, names)}")
    for name in names:
        if name not in found:
            raise DataError(f"the arm {name!r} has no customer (found: {', '.join(found)})")
    if len(names) < 2:
        raise DataError(f"every customer is in the arm {names[0]!r}; a control and a treated arm are needed")
    return np.array([names.index(text) for text in texts], np.int64)[places], names


def _control_first(found: list[str], control: object) -> tuple[str, ...]:
    """Return the names of the arms with the control first; which is named, or says so itself."""
    if control is not None:
        first = _name(control)
        if first not in found:
            raise DataError(f"no customer is in the control: {unknown('arm', first, found)}")
    else:
        candidates = [name for name in found if name.casefold() in _CONTROLS]
        if len(candidates) != 1:
            shown = ", ".join(found[:5]) + (", …" if len(found) > 5 else "")
            raise DataError(
                f"{len(candidates) or 'none'} of the arms {shown} is called 0 or control; name the one that is the "
                "control, or say 0 for it and 1 for the treated"
            )
        (first,) = candidates
    return (first, *(name for name in found if name != first))


def _name(label: object) -> str:
    """Return the name of an arm: whole numbers without a point, False and True as 0 and 1."""
    if isinstance(label, str):
        return label
    if isinstance(label, bool | np.bool_ | int | np.integer):
        return str(int(label))
    if isinstance(label, float | np.floating) and float(label).is_integer():
        return str(int(label))
    raise DataError(f"a treatment must be 0, 1, … or the name of an arm, got {label!r}")


def _sorted_names(names: Iterable[str]) -> list[str]:
    distinct = sorted(set(names))
    with suppress(ValueError):
        distinct.sort(key=float)
    return distinct


def _others(rows: npt.NDArray[np.integer]) -> str:
    return f" (and {len(rows) - 1:,} more rows)" if len(rows) > 1 else ""
