"""What people call the data: the data set's title, films' titles, and the ratings that were given.

A run keeps ids only, so the data is read again; that can fail where a report is written elsewhere than the run was.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from recval.data import DataSource, Interactions, Vocabulary, dataset_card
from recval.declarations import validate
from recval.errors import ConfigError, DataError

Column = npt.NDArray[Any]
DataRecipe = str | dict[str, Any]
"""What a recipe says of its data: the name of a card, or a source."""


def data_title(data: DataRecipe) -> str:
    """Return the title of a recipe's data set; its name or path where it has no card, or no longer has one."""
    if not isinstance(data, str):
        return str(data["path"])
    try:
        return dataset_card(data).title
    except ConfigError:
        return data


def with_names(pairs: pd.DataFrame, data: DataRecipe) -> pd.DataFrame:
    """Return interactions with the columns `title` (str or None) and `rating` (float or NaN) added.

    Args:
        pairs: one row an interaction, with the columns `user` and `item` (their own ids).
        data: the recipe's data.

    Raises:
        ConfigError: there is no such data set.
        DataError: the data cannot be read, or is not what it was.
    """
    field = None
    if isinstance(data, str):
        card = dataset_card(data)
        interactions, field = card.load(), card.item_title
    else:
        interactions = validate(data, DataSource).load()
    users = interactions.users.find(pa.array(pairs["user"]))
    items = interactions.items.find(pa.array(pairs["item"]))
    return pairs.assign(title=_titles(interactions.items, items, field), rating=_ratings(interactions, users, items))


def _titles(items: Vocabulary, codes: Column, field: str | None) -> Column:
    """Return the title of each item; None where there is none."""
    if field is None:
        return np.full(len(codes), None)
    if items.fields is None or field not in items.fields.column_names:
        raise DataError(f"the items have no field {field!r}, which the card names as their title")
    known = pa.array(codes, mask=codes < 0)
    return np.array(pc.take(items.fields[field], known).cast(pa.string()).to_pylist(), object)


def _ratings(interactions: Interactions, users: Column, items: Column) -> Column:
    """Return the rating of each pair; NaN where there is none."""
    if "rating" not in interactions.table.column_names:
        return np.full(len(users), np.nan)
    width = len(interactions.items)
    wanted = np.where((users < 0) | (items < 0), -1, users * width + items)
    pair = interactions.user * width + interactions.item
    rows = pd.Index(pair).isin(wanted)
    ratings = pd.Series(interactions.column("rating")[rows], index=pair[rows])
    return ratings.reindex(wanted).to_numpy()
