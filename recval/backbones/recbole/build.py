"""Builds a RecBole model on the training interactions."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch

from recval import rng
from recval.backbones.base import Batch
from recval.backbones.recbole import repairs
from recval.backbones.recbole.backbone import RecBoleBackbone
from recval.backbones.recbole.catalogue import UNMET, Family, Source, class_of, family_of, name_of
from recval.backbones.recbole.lookups import speed_up_lookups
from recval.backbones.recbole.parameters import complete
from recval.backbones.recbole.settings import Settings, settings_of
from recval.data import Interactions
from recval.errors import DataError, ModelError, RecvalError


def build(
    source: Source,
    train: Interactions,
    parameters: Mapping[str, object] | None = None,
    *,
    device: str | torch.device = "cpu",
    seed: int = 0,
) -> RecBoleBackbone:
    """Return a model of RecBole as a backbone, initialised but not trained.

    The same seed gives the same weights; the global random generators are left as they were.

    Args:
        source: a name among `models()`, or a class that is written for RecBole.
        train: the interactions to train on; models that look at a graph or at histories see these and no others.
        parameters: what differs from `default_parameters(source)`.
        device: where the model's tensors live.
        seed: what the initial weights, and whatever else the constructor draws, derive from.

    Raises:
        ConfigError: a parameter is unknown or of the wrong type.
        DataError: there is no interaction to train on; or the model needs times, a side field or a knowledge graph
            that the data lacks.
        ModelError: RecBole is not installed, has no model of this name, or cannot build it.
    """
    name, family = name_of(source), family_of(source)
    if name in UNMET:
        raise ModelError(f"RecBole's {name} needs {UNMET[name]}, which the bridge does not provide")
    settings = settings_of(complete(source, parameters or {}), torch.device(device), seed)
    if len(train) == 0:
        raise DataError(f"RecBole's {name} needs interactions to train on, got none")
    with rng.isolated(seed, "init"), repairs.quiet():
        try:
            return _construct(source, family, train, settings)
        except RecvalError:
            raise
        except ImportError as error:
            raise ModelError(f"RecBole's {name} needs the module {error.name!r}, which is not installed") from error
        except Exception as error:
            reason = " ".join(str(error).split())
            raise ModelError(
                f"RecBole cannot build {name} with {dict(parameters or {})}: {type(error).__name__}: {reason}"
            ) from error


def _construct(source: Source, family: Family, train: Interactions, settings: Settings) -> RecBoleBackbone:
    repairs.mend_models()
    dataset, kind = _dataset(family, train, settings)
    model = class_of(source)(settings, dataset).to(settings["device"])
    repairs.complete(model, train)
    speed_up_lookups(model)
    sample_losses = isinstance(source, str) or _gives_sample_losses(kind, model, dataset)
    return kind(model, dataset, sample_losses=sample_losses).to(settings["device"])


def _dataset(family: Family, train: Interactions, settings: Settings) -> tuple[Any, type[RecBoleBackbone]]:
    """Return what a model of a family is built on, and what wraps it."""
    match family:
        case "sequential":
            from recbole.data.transform import construct_transform

            from recval.backbones.recbole.dataset import SequenceSet
            from recval.backbones.recbole.sequential import SequentialBackbone

            construct_transform(settings)  # It writes the names of its columns into the settings.
            return SequenceSet(settings, train), SequentialBackbone
        case "knowledge-aware":
            from recval.backbones.recbole.knowledge import KnowledgeBackbone, KnowledgeSet

            return KnowledgeSet(settings, train), KnowledgeBackbone
        case "context-aware":
            from recval.backbones.recbole.context import ContextBackbone
            from recval.backbones.recbole.dataset import TrainingSet

            return TrainingSet(settings, train, with_features=True), ContextBackbone
    from recval.backbones.recbole.dataset import TrainingSet

    return TrainingSet(settings, train), RecBoleBackbone


def _gives_sample_losses(kind: type[RecBoleBackbone], model: Any, dataset: Any) -> bool:
    """Return whether the loss of a class of one's own can be taken apart: it is tried on a copy."""
    probe = kind(copy.deepcopy(model), dataset).to(dataset.config["device"])
    if not probe.has_sample_losses:
        return False
    rows = (torch.arange(len(dataset.interactions)) if probe.rows is None else probe.rows)[:3]
    user, item = (torch.tensor(codes[rows]) for codes in (dataset.interactions.user, dataset.interactions.item))
    try:
        probe.loss_per_sample(Batch(rows, user, item, item).to(dataset.config["device"]))
    except ModelError:
        return False
    return True
