"""From a name and parameters to a backbone: a registered model, else one of RecBole's.

    backbone = build("LightGCN", split.train, {"n_layers": 3}, device="cpu", seed=42)

Where both have a model of the same name, recval's is meant; `recbole:LightGCN` names the other.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from pydantic import create_model

from recval import rng
from recval.backbones import recbole
from recval.backbones.base import Backbone
from recval.backbones.module import ModuleBackbone
from recval.backbones.registry import MODELS
from recval.data import Interactions
from recval.declarations import Declaration, validate
from recval.errors import ConfigError, DataError, ModelError, unknown

PREFIX = "recbole:"
"""Stands before a name to mean RecBole's model."""


def models() -> list[str]:
    """Return the names of all models, sorted: the registered ones, and RecBole's."""
    theirs = recbole.models()
    return sorted({*MODELS, *theirs, *(PREFIX + name for name in theirs if name in MODELS)})


def default_parameters(name: str) -> dict[str, object]:
    """Return the parameters of a model with their defaults; None for one that must be given.

    Raises:
        ModelError: there is no such model.
    """
    if _is_registered(name) and not _is_recbole_class(MODELS[name]):
        fields = _schema(MODELS[name]).model_fields
        return {key: None if field.is_required() else field.default for key, field in fields.items()}
    return recbole.default_parameters(_recbole_source(name))


def complete(name: str, chosen: Mapping[str, object]) -> dict[str, object]:
    """Return all parameters of a model: the chosen ones, and the defaults of the rest.

    Raises:
        ConfigError: a key is not a parameter of the model, or its value cannot be one.
        ModelError: there is no such model.
    """
    if _is_registered(name) and not _is_recbole_class(MODELS[name]):
        return _validated(name, chosen).model_dump()
    return recbole.complete(_recbole_source(name), chosen)


def build(
    name: str,
    train: Interactions,
    parameters: Mapping[str, object] | None = None,
    *,
    device: str | torch.device = "cpu",
    seed: int = 0,
) -> Backbone:
    """Return a model as a backbone, initialised but not trained.

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
        ModelError: there is no such model, or it cannot be built.
    """
    backbone = _built(name, train, parameters or {}, torch.device(device), seed)
    backbone.origin = {"model": name, "parameters": complete(name, parameters or {})}
    return backbone


def _built(
    name: str, train: Interactions, parameters: Mapping[str, object], device: torch.device, seed: int
) -> Backbone:
    if not _is_registered(name) or _is_recbole_class(MODELS[name]):
        return recbole.build(_recbole_source(name), train, parameters, device=device, seed=seed)
    if len(train) == 0:
        raise DataError(f"{name} needs interactions to train on, got none")
    chosen = _validated(name, parameters)
    with rng.isolated(seed, "init"):
        module = MODELS[name](train, **dict(chosen))
    backbone = module if isinstance(module, Backbone) else ModuleBackbone(module, train)
    return backbone.to(device)


def _is_registered(name: str) -> bool:
    """Return whether a name is that of a registered model; one that nobody has is an error."""
    if name in MODELS:
        return True
    if name.removeprefix(PREFIX) not in recbole.models():
        raise ModelError(unknown("model", name, models()))
    return False


def _recbole_source(name: str) -> str | type:
    """Return what the bridge builds: a name of RecBole's, or a class of one's own that is written for RecBole."""
    return MODELS[name] if name in MODELS else name.removeprefix(PREFIX)


def _is_recbole_class(cls: type) -> bool:
    return any(base.__module__.startswith("recbole.") for base in cls.__mro__)


def _validated(name: str, chosen: Mapping[str, object]) -> Declaration:
    try:
        return validate(chosen, _schema(MODELS[name]))
    except ConfigError as error:
        raise ConfigError(f"parameters of {name}: {error}") from None


def _schema(cls: type) -> type[Declaration]:
    """Return the keyword arguments of a model's constructor as a schema."""
    fields: dict[str, Any] = {}
    for parameter in list(inspect.signature(cls, eval_str=True).parameters.values())[1:]:
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            raise ModelError(f"{cls.__name__} must name each of its parameters, found {parameter}")
        default = ... if parameter.default is parameter.empty else parameter.default
        annotation = Any if parameter.annotation is parameter.empty else parameter.annotation
        fields[parameter.name] = (annotation, default)
    return create_model(cls.__name__, __base__=Declaration, **fields)
