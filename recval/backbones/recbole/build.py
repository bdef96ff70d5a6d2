"""Builds a RecBole model on the training interactions."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import torch

from recval import rng
from recval.backbones.recbole import catalogue, repairs
from recval.backbones.recbole.backbone import RecBoleBackbone
from recval.backbones.recbole.parameters import complete
from recval.backbones.recbole.settings import settings_of
from recval.data import Interactions
from recval.errors import DataError, ModelError


def build(
    name: str,
    train: Interactions,
    parameters: Mapping[str, object] | None = None,
    *,
    device: str | torch.device = "cpu",
    seed: int = 0,
) -> RecBoleBackbone:
    """Return RecBole's general recommender `name` as a backbone, initialised but not trained.

    The same seed gives the same weights; the global random generators are left as they were.

    Args:
        name: a name among `models()`.
        train: the interactions to train on; models that look at a graph or at histories see these and no others.
        parameters: what differs from `default_parameters(name)`.
        device: where the model's tensors live.
        seed: what the initial weights, and whatever else the constructor draws, derive from.

    Raises:
        ConfigError: a parameter is unknown or of the wrong type.
        DataError: there is no interaction to train on.
        ModelError: RecBole is not installed, has no general recommender of this name, or cannot build it.
    """
    module = catalogue.module_of(name)
    chosen = complete(name, parameters or {})
    if len(train) == 0:
        raise DataError(f"RecBole's {name} needs interactions to train on, got none")
    with rng.isolated(seed, "init"), repairs.quiet():
        try:
            model = _construct(module, name, train, chosen, torch.device(device), seed)
        except ImportError as error:
            raise ModelError(f"RecBole's {name} needs the module {error.name!r}, which is not installed") from error
        except Exception as error:
            reason = " ".join(str(error).split())
            raise ModelError(
                f"RecBole cannot build {name} with {dict(parameters or {})}: {type(error).__name__}: {reason}"
            ) from error
    return RecBoleBackbone(model)


def _construct(
    module: str, name: str, train: Interactions, chosen: Mapping[str, object], device: torch.device, seed: int
) -> Any:
    from recval.backbones.recbole.dataset import TrainingSet

    repairs.apply()
    settings = settings_of(chosen, device, seed)
    model = getattr(import_module(module), name)(settings, TrainingSet(settings, train)).to(device)
    repairs.count_popularity(model, train)
    return model
