"""What a metric may need besides the lists: the catalogue, the popularity of items, categories and groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import sparse

from recval.data.interactions import Codes, Interactions, Vocabulary
from recval.errors import ConfigError, unknown
from recval.ranking.fields import Floats, category_matrix, group_codes, is_vector, stacked, unit_categories, unit_rows
from recval.ranking.item_sets import ItemSets

Found = TypeVar("Found")


@dataclass(frozen=True, eq=False)
class Context:
    """The surroundings of ranked lists; each part is computed when a metric first asks for it, and kept.

    An `Evaluator` builds it. What is left out is missed only by the metrics that need it.

    Attributes:
        users: the users, with their fields.
        items: the items, with their fields.
        truth: what is held out for each user.
        seen: what was masked for each user.
        train: the interactions that popularity is counted in.
        vectors: item vectors by name, each of shape [n_items, d]; for metrics they are fields of the items.
    """

    users: Vocabulary | None = None
    items: Vocabulary | None = None
    truth: ItemSets | None = None
    seen: ItemSets | None = None
    train: Interactions | None = None
    vectors: Mapping[str, npt.ArrayLike] = field(default_factory=dict)
    _kept: dict[tuple[str, str], object] = field(default_factory=dict, repr=False)

    @property
    def n_items(self) -> int:
        """The size of the catalogue; an item without interactions counts too."""
        return len(_given(self.items, "the items"))

    @property
    def held_out(self) -> ItemSets:
        """What is held out for each user."""
        return _given(self.truth, "the held-out items")

    @property
    def masked(self) -> ItemSets:
        """What was seen by each user, and is never recommended."""
        return _given(self.seen, "the seen items")

    @property
    def popularity(self) -> Codes:
        """The number of training interactions with each item, shape [n_items].

        Raises:
            ConfigError: the training interactions were not given.
        """
        train = _given(self.train, "the training interactions, to count popularity in; give them as train=")
        return self._once("popularity", "", train.item_counts)

    @property
    def n_train_users(self) -> int:
        """The number of users with a training interaction."""
        train = _given(self.train, "the training interactions, to count users in; give them as train=")
        return self._once("users", "", lambda: int(np.count_nonzero(train.user_counts())))

    def user_groups(self, name: str) -> Codes:
        """Return the group of each user by a field: codes from 0, -1 where the field is empty, shape [n_users].

        Raises:
            ConfigError: the users have no such field.
        """
        column = _column(_given(self.users, "the users"), name, "user")
        return self._once("groups", name, lambda: group_codes(column))

    def categories(self, name: str) -> sparse.csr_array:
        """Return the categories of each item by a field, as ones in a sparse matrix [n_items, n_categories].

        A text holds the words between its spaces, a list its elements; any other value is one category.

        Raises:
            ConfigError: the items have no such field.
        """
        column = _column(_given(self.items, "the items"), name, "item")
        return self._once("categories", name, lambda: category_matrix(column))

    def directions(self, name: str) -> sparse.csr_array | Floats:
        """Return a vector of length 1 for each item, or of zeros where nothing is known of it: [n_items, d].

        `name` is one of `vectors`, or an item field: a list of floats is a vector, anything else its categories.

        Raises:
            ConfigError: there is neither such a vector nor such a field, or the vectors have a wrong shape.
        """
        if name in self.vectors:
            return self._once("directions", name, lambda: unit_rows(self._checked(name)))
        column = _column(_given(self.items, "the items"), name, "item", self.vectors)
        if is_vector(column.type):
            return self._once("directions", name, lambda: unit_rows(stacked(column, name)))
        return self._once("directions", name, lambda: unit_categories(self.categories(name)))

    def _checked(self, name: str) -> Floats:
        vectors = np.asarray(self.vectors[name], np.float64)
        if vectors.ndim != 2 or len(vectors) != self.n_items:
            raise ConfigError(
                f"the item vectors {name!r} must have the shape ({self.n_items}, d), a row an item, got {vectors.shape}"
            )
        if not np.isfinite(vectors).all():
            raise ConfigError(f"the item vectors {name!r} must be finite numbers; found NaN or infinite ones")
        return vectors

    def _once(self, kind: str, name: str, compute: Callable[[], Found]) -> Found:
        if (kind, name) not in self._kept:
            self._kept[kind, name] = compute()
        return self._kept[kind, name]  # type: ignore[return-value]


def _given(part: Found | None, what: str) -> Found:
    if part is None:
        raise ConfigError(f"the metric needs {what}")
    return part


def _column(vocabulary: Vocabulary, name: str, role: str, others: Iterable[str] = ()) -> pa.Array:
    fields = vocabulary.fields
    if fields is None or name not in fields.column_names:
        allowed = [*(fields.column_names if fields is not None else []), *others]
        raise ConfigError(unknown(f"{role} field", name, allowed))
    return fields[name].combine_chunks()
