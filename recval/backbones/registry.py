"""The models that recval brings itself, those of plug-ins, and one's own: a name in a recipe resolves here first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from recval.registry import Registry

Model = TypeVar("Model", bound=type[torch.nn.Module])

MODELS: Registry[type[torch.nn.Module]] = Registry(
    "model",
    {
        "ALS": "recval.backbones.als",
        "CompiledBPR": "recval.backbones.compiled_bpr",
        "GFCF": "recval.backbones.gf_cf",
        "GraphConvolution": "recval.backbones.graph_convolution",
        "LightGCN": "recval.backbones.light_gcn",
        "UltraGCN": "recval.backbones.ultra_gcn",
    },
)


def model(name: str) -> Callable[[Model], Model]:
    """Register the decorated class as a model that recipes, the command line and `recval.fit` know by name.

    The class is one of:

    - a `Backbone`, whose constructor takes the training interactions and, by keyword, the parameters;
    - a plain `torch.nn.Module` with the same constructor and a method `score(users) -> Tensor[U, n_items]`; it is
      trained where it has `loss_per_sample(batch) -> Tensor[B]`, and scored as it is built where it has not;
    - a RecBole model, built on a configuration and a data set as RecBole does.

    Raises:
        ConfigError: the name is taken.
    """

    def add(cls: Model) -> Model:
        MODELS.register(name)(cls)
        return cls

    return add
