"""A run with its values, beside the interactions that they are the values of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recval.cli.pairs import row_of_pair
from recval.data import Interactions, Split, dataset_card
from recval.data.interactions import Codes
from recval.declarations import read
from recval.errors import ConfigError, DataError, RunError, unknown
from recval.games import Values
from recval.games.values import players_of
from recval.recipes import Recipe
from recval.recipes.explaining import Explainer
from recval.recipes.valuation import facts_by_seed, players_of_run, values_of_seed, values_over_seeds
from recval.store.run import Run


@dataclass(frozen=True)
class ValuedRun:
    """A run whose recipe has a valuator, and that is finished, or valued at least.

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
        run = Run.open_valued(path)
        recipe = read(run.recipe_path, Recipe)
        if recipe.valuator is None:
            raise RunError(f"the run in {path} has no values: no method of its recipe gives values")
        method = method or recipe.valuator
        if method not in recipe.valuators:
            raise ConfigError(unknown("method that gives values", method, recipe.valuators))
        whole = method == recipe.valuator
        return cls(
            run, recipe, method, Values.read(run.values_path) if whole else values_over_seeds(run, recipe, method)
        )

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

    def top_players(self, count: int, *, lowest: bool) -> list[dict[str, Any]]:
        """Return the most, or least, valuable players: rank, what identifies them, value, standard error, interactions.

        Raises:
            RunError: the players are the interactions themselves.
        """
        if self.players is None:
            raise RunError(f"the players of {self.method} are the interactions themselves; leave --players out")
        values, player_of = self.players
        order = values.order()
        rows = pa.array((order[::-1] if lowest else order)[:count])
        sizes = pa.array(np.bincount(player_of, minlength=len(values)))
        table = values.to_table().drop_columns(["count"]).append_column("interactions", sizes).take(rows)
        names = values.players.column_names
        return table.select(["rank", *names, "value", "standard_error", "interactions"]).to_pylist()

    @cached_property
    def players(self) -> tuple[Values, Codes] | None:
        """The values of the players, and the player of each interaction; None where they are the interactions."""
        return players_of_run(self.run, self.recipe, self.method)

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
        row = row_of_pair(self.split, user, item)
        codes = int(train.user[row]), int(train.item[row])
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
            "by_seed": {str(each): float(self._of_seed(each).value[row]) for each in self._seeds},
            **self._alone(row),
            **self._explanation(row, seed, top),
        }
        return self._with_titles(found)

    def _alone(self, row: int) -> dict[str, Any]:
        """Return what a valuation that stands alone says of a value: whose share it is, and facts by seed."""
        if not self.recipe.methods[self.method].stands_alone:
            return {}
        found: dict[str, Any] = {"facts": facts_by_seed(self.run, self.recipe, self.method)}
        if self.players is not None:
            values, player_of = self.players
            place = int(player_of[row])
            found["player"] = {
                **values.players.slice(place, 1).to_pylist()[0],
                "value": float(values.value[place]),
                "standard_error": float(values.standard_error[place]),
                "rank": int(values.rank[place]),
                "players": len(values),
                "interactions": int((player_of == place).sum()),
            }
        return found

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

    @property
    def _seeds(self) -> tuple[int, ...]:
        return self.recipe.seeds_of(self.method)

    def _of_seed(self, seed: int) -> Values:
        return values_of_seed(self.run, self.method, seed)
