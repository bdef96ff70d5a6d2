"""A run with its values, beside the interactions that they are the values of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recval.data import Interactions, Split, Vocabulary, dataset_card
from recval.declarations import read
from recval.errors import ConfigError, DataError, RunError, nearest, unknown
from recval.games import Values
from recval.games.values import players_of
from recval.recipes import Recipe
from recval.recipes.explaining import Explainer
from recval.recipes.trials import MethodTrial
from recval.store.run import Run


@dataclass(frozen=True)
class ValuedRun:
    """A finished run whose recipe has a valuator.

    Attributes:
        run: the run.
        recipe: its recipe.
        method: the method that valued the training interactions.
        values: their values, over seeds.
    """

    run: Run
    recipe: Recipe
    method: str
    values: Values

    @classmethod
    def open(cls, path: Path, method: str | None = None) -> ValuedRun:
        """Return the run in a folder.

        Args:
            path: the folder.
            method: whose values to look at; by default the valuator of the recipe.

        Raises:
            ConfigError: the method gives no values.
            RunError: there is no run, it is not finished, or nothing was valued in it.
        """
        run = Run.open(path)
        recipe = read(run.recipe_path, Recipe)
        if recipe.valuator is None:
            raise RunError(f"the run in {path} has no values: no method of its recipe gives values")
        method = method or recipe.valuator
        if method not in recipe.valuators:
            raise ConfigError(unknown("method that gives values", method, recipe.valuators))
        of_seeds = (Values.read(values_path(run, method, seed)) for seed in recipe.seeds)
        values = Values.read(run.values_path) if method == recipe.valuator else Values.mean_of(list(of_seeds))
        return cls(run, recipe, method, values)

    @cached_property
    def split(self) -> Split:
        """The data of the run, split as it was.

        Raises:
            DataError: the training interactions are no longer those that were valued.
        """
        split = self.recipe.split_data()
        for role, ids in zip(("user", "item"), players_of(split.train).columns, strict=True):
            if not ids.equals(self.values.players[role]):
                raise DataError(f"the data is no longer that of the run in {self.run.path}: the {role}s differ")
        return split

    def titles(self, items: pa.Array | pa.ChunkedArray) -> list[str | None] | None:
        """Return the items' names in words; None where the data set has none."""
        card = dataset_card(self.recipe.data) if isinstance(self.recipe.data, str) else None
        if card is None or card.item_title is None:
            return None
        known = card.load().items
        if known.fields is None or card.item_title not in known.fields.column_names:
            raise DataError(f"the items of {card.name} have no field {card.item_title!r}, which its card names")
        return known.fields[card.item_title].take(pa.array(known.codes(items))).to_pylist()

    def top(self, count: int, *, lowest: bool) -> list[dict[str, Any]]:
        """Return the most, or least, valuable interactions: rank, user, item, title, value and standard error."""
        rows = self._from(lowest=lowest)[:count]
        table = self.values.to_table().select(["rank", "user", "item", "value", "standard_error"]).take(pa.array(rows))
        titles = self.titles(table["item"])
        return [
            {**row, **({} if titles is None else {"title": titles[position]})}
            for position, row in enumerate(table.to_pylist())
        ]

    def without(self, fraction: float, *, lowest: bool) -> Interactions:
        """Return the training interactions without the share of the least, or most, valuable ones."""
        kept = self._from(lowest=lowest)[round(fraction * len(self.values)) :]
        return self.split.train.take(np.sort(kept))

    def explain(self, user: str, item: str, seed: int | None = None, top: int = 5) -> dict[str, Any]:
        """Return what there is to say about the value of a training interaction.

        Args:
            user: the user's id.
            item: the item's id.
            seed: the training whose value is explained; by default the first, if it can be explained.
            top: how many of the interactions that it was valued with to name.

        Raises:
            ConfigError: there is no such seed.
            DataError: the user or item is unknown, or the pair was not trained on.
            RunError: a seed is given, and its values cannot be explained.
        """
        train, values = self.split.train, self.values
        codes = _code(train.users, user, "user"), _code(train.items, item, "item")
        row = self._row(codes)
        of_user, of_item = train.user == codes[0], train.item == codes[1]
        value, rank = float(values.value[row]), int(values.rank[row])
        alone = float(values.players["alone"][row].as_py()) if "alone" in values.players.column_names else None
        found = {
            "user": train.users.names([codes[0]])[0],
            "item": train.items.names([codes[1]])[0],
            "title": None,
            "value": value,
            "standard_error": float(values.standard_error[row]),
            "rank": rank,
            "interactions": len(values),
            "percentile": 100 * (len(values) - rank) / len(values),
            "alone": alone,
            "company": None if alone is None else value - alone,
            "user_interactions": int(of_user.sum()),
            "user_mean_value": float(values.value[of_user].mean()),
            "item_interactions": int(of_item.sum()),
            "item_mean_value": float(values.value[of_item].mean()),
            "by_seed": {str(each): float(self._of_seed(each).value[row]) for each in self.recipe.seeds},
            **self._explanation(row, seed, top),
        }
        return self._with_titles(found)

    def _explanation(self, row: int, seed: int | None, top: int) -> dict[str, Any]:
        """Return why a value is what it is; where that cannot be told and no seed is asked for, what the problem is."""
        try:
            explainer = Explainer.open(self.run, self.recipe, self.split, seed, self.method)
            return {"explanation": explainer(row, top), "problem": None}
        except RunError as error:
            if seed is not None:
                raise
            return {"explanation": None, "problem": str(error)}

    def _with_titles(self, found: dict[str, Any]) -> dict[str, Any]:
        """Return what was found with the titles of the items in it; None where there are none."""
        partners = found["explanation"]["partners"] if found["explanation"] else []
        named = [found, *partners]
        titles = self.titles(pa.array([each["item"] for each in named], self.split.items.ids.type))
        for each, title in zip(named, titles or [None] * len(named), strict=True):
            each["title"] = title
        return found

    def _from(self, *, lowest: bool) -> npt.NDArray[np.intp]:
        order = self.values.order()
        return order[::-1] if lowest else order

    def _row(self, codes: tuple[int, int]) -> int:
        """Return the position of a pair in the training part."""
        parts = {"validation": self.split.valid, "test": self.split.test}
        if len(found := _rows_of(self.split.train, codes)):
            return int(found[0])
        pair = f"user {self.split.users.names([codes[0]])[0]}, item {self.split.items.names([codes[1]])[0]}"
        for name, part in parts.items():
            if len(_rows_of(part, codes)):
                raise DataError(f"{pair} is in the {name} part; only training interactions have a value")
        raise DataError(f"there is no interaction of {pair} in the data; only training interactions have a value")

    def _of_seed(self, seed: int) -> Values:
        return Values.read(values_path(self.run, self.method, seed))


def values_path(run: Run, method: str, seed: int) -> Path:
    """Return where the values of one training are kept."""
    return MethodTrial(method, seed).folder(run) / "values.parquet"


def _rows_of(part: Interactions, codes: Sequence[int]) -> npt.NDArray[np.intp]:
    return np.flatnonzero((part.user == codes[0]) & (part.item == codes[1]))


def _code(vocabulary: Vocabulary, given: str, role: str) -> int:
    """Return the code of an id that a person typed.

    Raises:
        DataError: it is unknown.
    """
    try:
        code = int(vocabulary.find([given])[0])
    except DataError:  # text where ids are numbers
        code = -1
    if code < 0:
        near = nearest(given, map(str, vocabulary.ids.to_pylist()))
        raise DataError(f"unknown {role} {given!r}{near} (the data has {len(vocabulary):,} {role}s)")
    return code
