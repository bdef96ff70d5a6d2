"""What another system scored or ranked, as a scorer: straight into evaluation and comparison.

    score = scores_from_frame(frame, split.users, split.items)     # columns user, item, score
    evaluation = Evaluator(split.test, ItemSets.of(split.train), ["ndcg@10"])(score)

A pair without a score counts as -inf: it is never recommended. So a file that holds the first 100 items of each user
gives exact metrics up to K = 100 if it leaves out what is masked here; where it holds masked items, lists may end
early.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from recval.data.interactions import Codes, Vocabulary
from recval.errors import DataError, unknown

if TYPE_CHECKING:
    from torch import Tensor


class UnknownIdsWarning(UserWarning):
    """Rows were left out, since their user or item is not of the data."""


class ExternalScores:
    """A scorer of given scores; sparse, one block of users at a time is dense.

    Args:
        user: the user's code of each score, shape [n].
        item: the item's code, shape [n].
        score: the scores, float32 or float64, shape [n].
        n_users: number of users.
        n_items: number of items.
        n_unknown: rows that were left out.

    Attributes:
        n_unknown: number of rows that were left out because their user or item is unknown.
    """

    def __init__(
        self, user: Codes, item: Codes, score: npt.NDArray[np.floating], n_users: int, n_items: int, n_unknown: int = 0
    ) -> None:
        order = np.argsort(user, kind="stable")
        self._item, self._score = item[order], score[order]
        self._starts = np.searchsorted(user[order], np.arange(n_users + 1))
        self._n_items = n_items
        self.n_unknown = n_unknown

    def __call__(self, users: Tensor) -> Tensor:
        """Return the scores of all items, -inf where none is given, shape [U, n_items], on the device of `users`."""
        import torch

        codes = users.cpu().numpy()
        counts = self._starts[codes + 1] - self._starts[codes]
        ends = np.cumsum(counts)
        positions = np.arange(counts.sum()) + np.repeat(self._starts[codes] - (ends - counts), counts)
        block = np.full((len(codes), self._n_items), -np.inf, self._score.dtype)
        block[np.repeat(np.arange(len(codes)), counts), self._item[positions]] = self._score[positions]
        return torch.from_numpy(block).to(users.device)


def scores_from_frame(
    frame: pd.DataFrame,
    users: Vocabulary,
    items: Vocabulary,
    *,
    user: str = "user",
    item: str = "item",
    score: str = "score",
) -> ExternalScores:
    """Return the scores of another system as a scorer.

    Args:
        frame: one row a pair, with the users' and items' own ids.
        users: the users of the data.
        items: the items of the data.
        user: the column of the users.
        item: the column of the items.
        score: the column of the scores, higher is better; -inf is never recommended.

    Raises:
        DataError: a column is missing, a pair occurs twice, a score is NaN or +inf, or no row is of the data.

    Warns:
        UnknownIdsWarning: there are rows of an unknown user or item; they are left out and counted.
    """
    _check_columns(frame, [user, item, score], distinct=[user, item])
    values = _floats(frame[score])
    user_codes, item_codes = users.find(frame[user]), items.find(frame[item])
    known = (user_codes >= 0) & (item_codes >= 0)
    if not known.all():
        _warn_of_unknown(known, len(frame))
    return ExternalScores(
        user_codes[known], item_codes[known], values[known], len(users), len(items), int(np.count_nonzero(~known))
    )


def ranks_from_frame(
    frame: pd.DataFrame,
    users: Vocabulary,
    items: Vocabulary,
    *,
    user: str = "user",
    item: str = "item",
    rank: str = "rank",
) -> ExternalScores:
    """Return the ranked lists of another system as a scorer; the lowest rank comes first.

    Args:
        frame: one row a recommendation, with the users' and items' own ids.
        users: the users of the data.
        items: the items of the data.
        user: the column of the users.
        item: the column of the items.
        rank: the column of the ranks: numbers, different within a user.

    Raises:
        DataError: as for `scores_from_frame`; or two items of a user have the same rank.

    Warns:
        UnknownIdsWarning: as for `scores_from_frame`.
    """
    _check_columns(frame, [user, item, rank], distinct=[user, rank])
    negated = frame[[user, item]].assign(score=-_floats(frame[rank]))
    return scores_from_frame(negated, users, items, user=user, item=item)


def _check_columns(frame: pd.DataFrame, names: list[str], distinct: list[str]) -> None:
    for name in names:
        if name not in frame:
            raise DataError(unknown("column of the frame", name, map(str, frame.columns)))
    if frame.empty:
        raise DataError("the frame has no rows")
    repeated = frame.duplicated(distinct)
    if repeated.any():
        row = frame.loc[repeated.to_numpy(), distinct].iloc[0]
        found = ", ".join(f"{name} {value}" for name, value in row.items())
        raise DataError(f"a row for {found} occurs twice; keep one of them")


def _floats(column: pd.Series) -> npt.NDArray[np.floating]:
    """Return finite numbers or -inf, as float32 where they are, else as float64."""
    try:
        values = column.to_numpy() if column.dtype == np.float32 else column.to_numpy(np.float64)
    except (TypeError, ValueError):
        values = np.full(1, np.nan)
    if not (values < np.inf).all():
        raise DataError(f"the column {column.name!r} must hold numbers, and none that is NaN or +inf")
    return values


def _warn_of_unknown(known: npt.NDArray[np.bool_], rows: int) -> None:
    left_out = int(np.count_nonzero(~known))
    if left_out == rows:
        raise DataError(f"none of the {rows:,} rows is of a user and an item of the data; are the ids the same?")
    warnings.warn(
        f"{left_out:,} of {rows:,} rows are left out: their user or item is not in the data",
        UnknownIdsWarning,
        stacklevel=3,
    )
