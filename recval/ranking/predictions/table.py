"""Predicted values beside the true ones: what a prediction metric is computed from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from recval.data.interactions import Codes, Interactions
from recval.errors import DataError, unknown
from recval.ranking.context import Context

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predicted and true values of pairs of a user and an item; make it with `from_frame` or `of`.

    Attributes:
        user: the code of each row's user, from 0, shape [n].
        item: the code of each row's item, from 0, shape [n].
        truth: the ratings, or labels of 0 and 1, shape [n].
        predicted: what was predicted for them, shape [n].
        user_ids: the user of each code, shape [n_users].
        group: the code of each user's group, from 0, -1 without one, shape [n_users]; None if there are no groups.

    Raises:
        DataError: there are no rows, the columns differ in length, or a value is not finite.
    """

    user: Codes
    item: Codes
    truth: Floats
    predicted: Floats
    user_ids: npt.NDArray[np.object_] | Codes
    group: Codes | None = None

    def __post_init__(self) -> None:
        lengths = {len(column) for column in (self.user, self.item, self.truth, self.predicted)}
        if len(lengths) != 1 or lengths == {0}:
            raise DataError(f"predictions must be rows of user, item, truth and prediction, got lengths {lengths}")
        for name, values in (("truth", self.truth), ("prediction", self.predicted)):
            bad = ~np.isfinite(values)
            if bad.any():
                at = int(bad.argmax())
                raise DataError(f"the {name} must be a finite number, found {values[at]} in row {at}")

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        user: str = "user",
        item: str = "item",
        truth: str = "rating",
        predicted: str = "prediction",
        group: str | None = None,
    ) -> Predictions:
        """Return the predictions in a DataFrame.

        Args:
            frame: one row a pair.
            user: the column of the users' ids.
            item: the column of the items' ids.
            truth: the column of the true values, such as "rating" or "label".
            predicted: the column of the predicted values.
            group: the column of the users' groups, for metrics of fairness; the same in all rows of a user.

        Raises:
            DataError: a column is missing, a value is no finite number, or a user is in two groups.
        """
        for name in (user, item, truth, predicted, *([group] if group else [])):
            if name not in frame:
                raise DataError(unknown("column of the frame", name, map(str, frame.columns)))
        users, user_ids = pd.factorize(frame[user], sort=True)
        items, _ = pd.factorize(frame[item])
        if (users < 0).any() or (items < 0).any():
            raise DataError(f"the columns {user!r} and {item!r} must name a user and an item in each row")
        return cls(
            users.astype(np.int64),
            items.astype(np.int64),
            _numbers(frame[truth]),
            _numbers(frame[predicted]),
            np.asarray(user_ids),
            None if group is None else _group_of_users(frame[group], users, len(user_ids), group),
        )

    @classmethod
    def of(
        cls,
        interactions: Interactions,
        predicted: npt.ArrayLike,
        *,
        truth: str = "rating",
        group: str | None = None,
    ) -> Predictions:
        """Return the predictions for interactions.

        Args:
            interactions: the pairs, with their true values.
            predicted: the predicted value of each, shape [n].
            truth: the column of the true values.
            group: the user field that groups users, for metrics of fairness.

        Raises:
            ConfigError: the users have no field `group`.
            DataError: there is no column `truth`, or a value is not finite.
        """
        return cls(
            interactions.user,
            interactions.item,
            np.asarray(interactions.column(truth), np.float64),
            np.asarray(predicted, np.float64),
            np.asarray(interactions.users.ids.to_pylist()),
            None if group is None else Context(users=interactions.users).user_groups(group),
        )

    @property
    def n_users(self) -> int:
        """The number of users; some may have no row."""
        return len(self.user_ids)

    @property
    def labels(self) -> npt.NDArray[np.bool_]:
        """The truth as labels.

        Raises:
            DataError: a true value is neither 0 nor 1.
        """
        bad = (self.truth != 0) & (self.truth != 1)
        if bad.any():
            at = int(bad.argmax())
            raise DataError(f"labels must be 0 or 1, found {self.truth[at]:g} in row {at}")
        return self.truth == 1

    def pooled(self) -> Predictions:
        """Return the same rows as if they were of one user."""
        return replace(self, user=np.zeros_like(self.user), user_ids=np.zeros(1, np.int64), group=None)

    def user_mean(self, values: Floats) -> Floats:
        """Return the mean over each user's rows, shape [n_users]; NaN for a user without any."""
        counts = np.bincount(self.user, minlength=self.n_users)
        sums = np.bincount(self.user, values, minlength=self.n_users)
        return np.divide(sums, counts, out=np.full(self.n_users, np.nan), where=counts > 0)


def _numbers(column: pd.Series) -> Floats:
    try:
        return column.to_numpy(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"the column {column.name!r} must hold numbers: {error}") from None


def _group_of_users(column: pd.Series, users: npt.NDArray[np.intp], n_users: int, name: str) -> Codes:
    codes, _ = pd.factorize(column, sort=True)
    groups = np.full(n_users, -1)
    groups[users] = codes
    if (groups[users] != codes).any():
        raise DataError(f"the column {name!r} must be the same in all rows of a user")
    return groups
