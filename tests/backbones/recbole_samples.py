"""What the tests of the RecBole bridge share: small interactions, triplets, and RecBole's own model beside ours."""

import warnings

import numpy as np
import pyarrow as pa
import pytest
import torch

from recval import rng
from recval.backbones import Batch
from recval.backbones.recbole import build, catalogue, models
from recval.backbones.recbole.build import _dataset
from recval.backbones.recbole.losses import OF_THE_BATCH
from recval.backbones.recbole.parameters import complete
from recval.backbones.recbole.schedules import loss_of_epoch
from recval.backbones.recbole.settings import settings_of
from recval.data import Interactions, KnowledgeGraph, Vocabulary

UNREGULARISED = {
    "BPR": {},
    "NeuMF": {"dropout_prob": 0.0},
    "LightGCN": {"reg_weight": 0.0},
    "NGCF": {"reg_weight": 0.0, "message_dropout": 0.0},
}
"""The models whose loss is checked row by row, without what belongs to no single row."""

COMPLETE = {"ADMMSLIM", "AsymKNN", "EASE", "ItemKNN", "NCEPLRec", "Pop", "Random", "SLIMElastic"}
"""The models that need no training."""

LISTWISE = {"CDAE", "DiffRec", "ENMF", "LDiffRec", "MacridVAE", "MultiDAE", "MultiVAE", "RaCT", "RecVAE"}
"""The models whose sample is a whole user."""

BUILT = [name for name in models() if name not in catalogue.UNMET]
"""The models that the bridge builds."""

TRAINED = [name for name in BUILT if name not in COMPLETE]
WEIGHABLE = [name for name in TRAINED if name not in {*OF_THE_BATCH, *LISTWISE, "SimpleX"}]

_SIZES = {
    "embedding_size": 4,
    "hidden_size": 4,
    "inner_size": 8,
    "kg_embedding_size": 4,
    "latent_dimension": 4,
    "MAX_ITEM_LIST_LENGTH": 5,
    "train_batch_size": 8,
    "weight_size": 4,
    "k": 2,
}
_OWN = {
    "ConvNCF": {"embedding_size": 64, "cnn_channels": [1, 2, 2, 2, 2]},
    "NCEPLRec": {"rank": 4},
    "NCL": {"num_clusters": 2, "m_step": 3, "warm_up_step": 0, "proto_reg": 0.1},
    "NNCF": {"num_conv_kernel": 2, "mlp_hidden_size": [4]},
    "S3Rec": {"item_attribute": "genres"},
    **{name: {"reranker_CAN_NUM": 5} for name in ("GRU4RecCPR", "SASRecCPR")},
    **{name: {"selected_features": ["genres"]} for name in ("FDSA", "GRU4RecF", "SASRecF")},
}


def small(name):
    """Parameters that make a model small enough for a test."""
    defaults = catalogue.default_parameters(name)
    sizes = {key: value for key, value in _SIZES.items() if key in defaults}
    for key in ("mlp_hidden_size", "hidden_size_list", "cin_layer_size"):
        if isinstance(defaults.get(key), list):
            sizes[key] = [4] * len(defaults[key])
    return sizes | _OWN.get(name, {})


def build_small(name, data, seed=3):
    return build(name, data, small(name), seed=seed)


def in_the_fast_lane(names, few):
    """All names as parameters of a test; only a few are run in the fast lane."""
    return [name if name in few else pytest.param(name, marks=pytest.mark.slow) for name in names]


def interactions(n_users=7, n_items=11, n=30, seed=0, **columns) -> Interactions:
    """Distinct random pairs; the last user and the last item have none."""
    pairs = np.random.default_rng(seed).choice((n_users - 1) * (n_items - 1), n, replace=False)
    table = pa.table({"user": pairs // (n_items - 1), "item": pairs % (n_items - 1), **columns})
    return Interactions(table, Vocabulary(pa.array(range(n_users))), Vocabulary(pa.array(range(n_items))))


def described(n_users=7, n_items=11, n=30, seed=0) -> Interactions:
    """Interactions with times (some equal), side fields of every kind, and a knowledge graph of most of the items."""
    generator = np.random.default_rng(seed + 1)
    data = interactions(n_users, n_items, n, seed, time=generator.integers(0, 12, n).astype(float))
    genres = ["drama", "drama comedy", "crime", None]
    users = pa.table(
        {
            "age": pa.array([None, *generator.integers(18, 70, n_users - 1).astype(float)]),
            "city": pa.array([f"city{code % 3}" for code in range(n_users)]),
        }
    )
    items = pa.table({"genres": pa.array([genres[code % 4] for code in range(n_items)]), "year": [1990] * n_items})
    links = pa.array([-1 if code == 2 else code + 3 for code in range(n_items)])
    count = 40
    triples = {name: generator.integers(0, size, count) for name, size in (("head", 20), ("relation", 3), ("tail", 20))}
    graph = KnowledgeGraph(
        pa.table(triples), Vocabulary(pa.array(range(20))), Vocabulary(pa.array(["by", "with", "of"])), links
    )
    return Interactions(
        data.table, Vocabulary(data.users.ids, users), Vocabulary(data.items.ids, items), knowledge=graph
    )


def triplets(data: Interactions, seed=1) -> Batch:
    """One triplet for each interaction."""
    negative = np.random.default_rng(seed).integers(len(data.items), size=len(data))
    return Batch(torch.arange(len(data)), *(torch.tensor(codes) for codes in (data.user, data.item, negative)))


def samples_of(backbone, data):
    """One triplet for each interaction that is a sample of the model."""
    batch = triplets(data)
    return batch if backbone.rows is None else batch[backbone.rows]


def untouched(backbone, data, parameters, seed):
    """RecBole's own model, with its own reduction of the loss, in the state and precision of the backbone's."""
    settings = settings_of(complete(backbone.name, parameters), torch.device("cpu"), seed)
    with warnings.catch_warnings(), rng.isolated(seed, "init"):
        warnings.simplefilter("ignore")
        dataset, _ = _dataset(catalogue.family_of(backbone.name), data, settings)
        model = catalogue.class_of(backbone.name)(settings, dataset)
    precision = next(backbone.parameters()).dtype
    for name, value in vars(model).items():
        if isinstance(value, torch.Tensor) and value.dtype == torch.float32:
            setattr(model, name, value.to(precision))
    model.to(precision).load_state_dict(backbone.model.state_dict(), strict=False)
    return model.train(backbone.training)


def recboles_loss(model, backbone, batch):
    """The loss that RecBole itself would train on, for the rows that the backbone makes of the batch."""
    with rng.isolated(0, "loss"):
        rows = backbone._rows(batch)
        found = loss_of_epoch(model, backbone.settings, 0)(rows)
    if isinstance(found, tuple):
        found = sum(found[:-1] if backbone.settings["warm_up_step"] else found)
    return found.reshape(())


def losses_of(backbone, batch):
    """The losses of the backbone, with the draws of `recboles_loss`."""
    with rng.isolated(0, "loss"):
        return backbone.loss_per_sample(batch)


def restored(backbone, data, parameters=None):
    """A newly built backbone in the state and mode of another one."""
    fresh = build(backbone.name, data, parameters, seed=99).train(backbone.training)
    fresh.load_state_dict(backbone.state_dict())
    return fresh
