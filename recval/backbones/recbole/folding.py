"""General models that score users whom they were not trained on, by what these users did."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from scipy import sparse

from recval import rng
from recval.backbones.recbole.settings import Settings
from recval.data import Interactions

_ITEM_WEIGHTS = {"ADMMSLIM", "EASE", "SLIMElastic"}
"""Models that multiply a user's interactions by weights between items."""


def folded(model: Any, settings: Settings, interactions: Interactions) -> Any | None:
    """Return a model that shares all that was learnt, but scores the users of other interactions.

    None where the model knows each user by what it learnt of that one.
    """
    from recbole.model.abstract_recommender import AutoEncoderMixin

    from recval.backbones.recbole.dataset import TrainingSet

    twin, name = copy.copy(model), type(model).__name__
    if name in _ITEM_WEIGHTS:
        twin.interaction_matrix = _matrix(interactions)
    elif name == "ItemKNN" and model.method == "item":
        twin.pred_mat = (_matrix(interactions) @ model.w).tolil()
    elif isinstance(model, AutoEncoderMixin) and not hasattr(model, "h_user"):
        with rng.isolated(0, "fold in"):  # RecBole shuffles the interactions, to no effect on the scores.
            twin.build_histroy_items(TrainingSet(settings, interactions))
    elif name != "Pop":
        return None
    return twin


def _matrix(interactions: Interactions) -> sparse.csr_matrix:
    """Return the interactions as a matrix over RecBole's ids."""
    ones = np.ones(len(interactions), np.float32)
    shape = (len(interactions.users) + 1, len(interactions.items) + 1)
    return sparse.csr_matrix((ones, (interactions.user + 1, interactions.item + 1)), shape)
