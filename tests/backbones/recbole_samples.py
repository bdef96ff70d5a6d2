"""What the tests of the RecBole bridge share: small interactions, triplets, and RecBole's own model beside ours."""

import warnings
from importlib import import_module

import numpy as np
import pyarrow as pa
import torch

from recval import rng
from recval.backbones import Batch
from recval.backbones.recbole import build
from recval.backbones.recbole.catalogue import module_of
from recval.backbones.recbole.parameters import complete
from recval.backbones.recbole.settings import settings_of
from recval.data import Interactions, Vocabulary

UNREGULARISED = {
    "BPR": {},
    "NeuMF": {"dropout_prob": 0.0},
    "LightGCN": {"reg_weight": 0.0},
    "NGCF": {"reg_weight": 0.0, "message_dropout": 0.0},
}
"""The models whose loss is checked row by row, without what belongs to no single row."""


def interactions(n_users=7, n_items=11, n=30, seed=0, **columns) -> Interactions:
    """Distinct random pairs; the last user and the last item have none."""
    pairs = np.random.default_rng(seed).choice((n_users - 1) * (n_items - 1), n, replace=False)
    table = pa.table({"user": pairs // (n_items - 1), "item": pairs % (n_items - 1), **columns})
    return Interactions(table, Vocabulary(pa.array(range(n_users))), Vocabulary(pa.array(range(n_items))))


def triplets(data: Interactions, seed=1) -> Batch:
    """One triplet for each interaction."""
    negative = np.random.default_rng(seed).integers(len(data.items), size=len(data))
    return Batch(torch.arange(len(data)), *(torch.tensor(codes) for codes in (data.user, data.item, negative)))


def untouched(backbone, data, parameters, seed):
    """RecBole's own model, with its own reduction of the loss, in the state and precision of the backbone's."""
    from recval.backbones.recbole.dataset import TrainingSet

    settings = settings_of(complete(backbone.name, parameters), torch.device("cpu"), seed)
    with warnings.catch_warnings(), rng.isolated(seed, "init"):
        warnings.simplefilter("ignore")
        model = getattr(import_module(module_of(backbone.name)), backbone.name)(settings, TrainingSet(settings, data))
    precision = next(backbone.parameters()).dtype
    for name, value in vars(model).items():
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            setattr(model, name, value.to(precision))
    model.to(precision).load_state_dict(backbone.model.state_dict())
    return model.train(backbone.training)


def restored(backbone, data, parameters=None):
    """A newly built backbone in the state and mode of another one."""
    fresh = build(backbone.name, data, parameters, seed=99).train(backbone.training)
    fresh.load_state_dict(backbone.state_dict())
    return fresh
