"""A RecBole data set that is made of interactions in memory instead of files."""

from __future__ import annotations

from functools import cached_property
from logging import getLogger
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from recbole.data.dataset.dataset import Dataset
from recbole.data.interaction import Interaction
from recbole.utils import FeatureSource, FeatureType
from torch import Tensor, from_numpy

from recval.backbones.recbole.features import Feature, chosen, features_of
from recval.backbones.recbole.histories import Histories
from recval.backbones.recbole.settings import Settings
from recval.data import Interactions, Vocabulary
from recval.data.interactions import Codes
from recval.errors import DataError

_KINDS = {"token": FeatureType.TOKEN, "token_seq": FeatureType.TOKEN_SEQ, "float": FeatureType.FLOAT}


class TrainingSet(Dataset):
    """The training interactions, with the methods by which RecBole's models look at them.

    RecBole keeps id 0 for padding, so the id of code `c` is `c + 1`, and it counts one user and one item more than
    there are. The columns `rating` and `time` come along if there are any, but not beside side fields: a model would
    take them for features.

    Args:
        settings: the model's settings; the side fields that are numbers are added to its `numerical_features`.
        train: the interactions to train on.
        with_features: whether the model looks at side fields.

    Attributes:
        interactions: what it was made of.
    """

    def __init__(self, settings: Settings, train: Interactions, *, with_features: bool = False) -> None:
        self.interactions = train
        self.config = settings
        self.logger = getLogger()
        self._get_preset()
        self._get_field_from_config()
        columns = {
            self.uid_field: self._ids(self.uid_field, train.user, len(train.users), FeatureSource.USER_ID),
            self.iid_field: self._ids(self.iid_field, train.item, len(train.items), FeatureSource.ITEM_ID),
        }
        for name, field in (("rating", settings["RATING_FIELD"]), ("time", settings["TIME_FIELD"])):
            if name in train.table.column_names and not with_features:
                columns[field] = self._values(field, train.column(name))
        self.inter_feat = Interaction(columns)
        self.user_feat: Any = None
        self.item_feat: Any = None
        if with_features:
            self._add_features(train)

    def _ids(self, field: str, codes: Codes, count: int, source: FeatureSource) -> Tensor:
        self.set_field_property(field, FeatureType.TOKEN, source, 1)
        self.field2id_token[field] = np.arange(count + 1)
        return from_numpy(codes + 1)

    def _values(self, field: object, values: npt.NDArray[np.generic]) -> Tensor:
        self.set_field_property(field, FeatureType.FLOAT, FeatureSource.INTERACTION, 1)
        return from_numpy(values.astype(np.float64))

    def _add_features(self, train: Interactions) -> None:
        users, items = features_of(train.users), features_of(train.items)
        # A field of both sides, or named as one of RecBole's own, is told apart by its side.
        users = {f"user:{name}" if name in items or name in self.field2type else name: users[name] for name in users}
        items = {f"item:{name}" if name in self.field2type else name: items[name] for name in items}
        seen = chosen([*users, *items], self.config["features"] or [])
        self.user_feat = self._side(self.uid_field, train.users, users, seen, FeatureSource.USER)
        self.item_feat = self._side(self.iid_field, train.items, items, seen, FeatureSource.ITEM)

    def _side(
        self, ids: str, vocabulary: Vocabulary, found: dict[str, Feature], seen: set[str], source: FeatureSource
    ) -> Interaction:
        columns = {ids: torch.arange(len(vocabulary) + 1)}
        for name, feature in found.items():
            if name in seen:
                columns[name] = feature.values
                self.set_field_property(name, _KINDS[feature.kind], source, feature.length)
                self.field2id_token[name] = np.arange(feature.size)
                if feature.kind == "float":
                    self.field2bucketnum[name] = feature.size
                    self.config["numerical_features"].append(name)
        return Interaction(columns)


class SequenceSet(TrainingSet):
    """The training interactions of a sequential model: each with the items that its user met before.

    Args:
        settings: the model's settings.
        train: the interactions to train on.

    Attributes:
        histories: what came before each of them.

    Raises:
        DataError: there are no times, or a field that the model looks at is missing.
    """

    def __init__(self, settings: Settings, train: Interactions) -> None:
        super().__init__(settings, train, with_features=True)
        self.histories = Histories(train, settings["MAX_ITEM_LIST_LENGTH"])
        self._pairs = self.__dict__.pop("inter_feat")
        field = self.iid_field + settings["LIST_SUFFIX"]
        self.set_field_property(field, FeatureType.TOKEN_SEQ, FeatureSource.INTERACTION, self.histories.length)
        self.field2id_token[field] = self.field2id_token[self.iid_field]
        for name in (*(settings["selected_features"] or ()), settings["item_attribute"]):
            if name is not None and name not in self.item_feat:
                known = [field for field in self.item_feat.columns if field != self.iid_field]
                raise DataError(f"the items have no field {name!r}, which the model reads; they have {known}")

    @cached_property
    def inter_feat(self) -> Any:
        """The interactions with a history, and their histories; made when a model first asks."""
        rows = self.histories.rows
        items, lengths = self.histories.before(rows)
        found = self._pairs[rows]
        suffix, count = self.config["LIST_SUFFIX"], self.config["ITEM_LIST_LENGTH_FIELD"]
        found.update(Interaction({self.iid_field + suffix: items, count: lengths}))
        return found
