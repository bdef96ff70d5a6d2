"""What new rows have otherwise than the training rows had: counted over the chunks of a table, a line for each."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import numpy as np
import numpy.typing as npt
import pandas as pd

from recval.errors import DataError
from recval.uplift.features.columns import codes_of, feature_frame, numbers_of
from recval.uplift.features.encoder import CategoryColumn, FeatureEncoder, NumberColumn

_EXAMPLES = 3


class Differences:
    """Counts the differences between tables of features and the rows that an encoder was fitted on.

    Args:
        encoder: the encoder.
    """

    def __init__(self, encoder: FeatureEncoder) -> None:
        self.encoder = encoder
        self._columns: dict[str, str] = {}
        self._infinite: Counter[str] = Counter()
        self._missing: Counter[str] = Counter()
        self._unseen: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}

    def add(self, features: pd.DataFrame | npt.ArrayLike) -> None:
        """Count the rows of one more table, or of one more chunk of it.

        Raises:
            DataError: it is no table, or two of its columns have one name.
        """
        frame = feature_frame(features)
        known = {column.name for column in self.encoder.columns}.union(self.encoder.unused)
        for name in frame.columns:
            if name not in known:
                self._columns[name] = f"the column {name!r} was not there in training; it is ignored"
        for column in self.encoder.columns:
            if column.name not in frame.columns:
                self._columns[column.name] = f"the column {column.name!r} is missing; training had it"
                continue
            try:
                self._add_column(column, frame[column.name])
            except DataError as error:
                self._columns[column.name] = str(error)

    def lines(self) -> list[str]:
        """Return a line for each difference found, one of whole columns (missing, extra, of another type) first."""
        missing = "missing, which none was in training; they count as"
        kinds = {column.name: column.kind for column in self.encoder.columns}
        counted_as = {"number": "the mean", "category": "unseen categories"}
        return [
            *self._columns.values(),
            *(_line(name, rows, f"{missing} {counted_as[kinds[name]]}") for name, rows in self._missing.items()),
            *(_line(name, rows, "infinite; they count as missing") for name, rows in self._infinite.items()),
            *(_line(name, rows, self._unseen_like(name)) for name, rows in self._unseen.items()),
        ]

    def _add_column(self, column: NumberColumn | CategoryColumn, series: pd.Series) -> None:
        if isinstance(column, NumberColumn):
            values = numbers_of(series)
            missing = np.isnan(values)
            self._infinite += Counter({column.name: int(np.isinf(values).sum())})
        else:
            missing = series.isna().to_numpy()
            unseen = series[(codes_of(series, column.categories) == 0) & ~missing]
            self._unseen += Counter({column.name: len(unseen)})
            self._add_examples(column.name, unseen)
        if not column.with_missing:
            self._missing += Counter({column.name: int(missing.sum())})

    def _add_examples(self, name: str, unseen: pd.Series) -> None:
        examples = dict.fromkeys([*self._examples.get(name, []), *map(str, unseen.unique())])
        self._examples[name] = list(islice(examples, _EXAMPLES))

    def _unseen_like(self, name: str) -> str:
        examples = ", ".join(map(repr, self._examples[name]))
        return f"of a category that training did not show ({examples}); they count as missing"


def _line(name: str, rows: int, what: str) -> str:
    return f"the column {name!r}: {rows:,} {'value' if rows == 1 else 'values'} {what}"
