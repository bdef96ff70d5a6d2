"""A RecBole data set that is made of interactions in memory instead of files."""

from __future__ import annotations

from logging import getLogger

import numpy as np
import numpy.typing as npt
from recbole.data.dataset.dataset import Dataset
from recbole.data.interaction import Interaction
from recbole.utils import FeatureSource, FeatureType
from torch import Tensor, from_numpy

from recval.backbones.recbole.settings import Settings
from recval.data import Interactions
from recval.data.interactions import Codes


class TrainingSet(Dataset):
    """The training interactions, with the methods by which RecBole's models look at them.

    RecBole keeps id 0 for padding, so the id of code `c` is `c + 1`, and it counts one user and one item more than
    there are. The columns `rating` and `time` come along if there are any.

    Args:
        settings: the model's settings.
        train: the interactions to train on.
    """

    def __init__(self, settings: Settings, train: Interactions) -> None:
        self.config = settings
        self.logger = getLogger()
        self._get_preset()
        self._get_field_from_config()
        columns = {
            self.uid_field: self._ids(self.uid_field, train.user, len(train.users)),
            self.iid_field: self._ids(self.iid_field, train.item, len(train.items)),
        }
        for name, field in (("rating", settings["RATING_FIELD"]), ("time", settings["TIME_FIELD"])):
            if name in train.table.column_names:
                columns[field] = self._values(field, train.column(name))
        self.inter_feat = Interaction(columns)

    def _ids(self, field: str, codes: Codes, count: int) -> Tensor:
        self.set_field_property(field, FeatureType.TOKEN, FeatureSource.INTERACTION, 1)
        self.field2id_token[field] = np.arange(count + 1)
        return from_numpy(codes + 1)

    def _values(self, field: object, values: npt.NDArray[np.generic]) -> Tensor:
        self.set_field_property(field, FeatureType.FLOAT, FeatureSource.INTERACTION, 1)
        return from_numpy(values.astype(np.float64))
