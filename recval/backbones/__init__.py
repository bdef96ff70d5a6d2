"""Recommenders: what every one of them offers, recval's own fast ones, and the bridge to RecBole's."""

from recval.backbones.base import Backbone, Batch, SelfTraining, Weigh
from recval.backbones.build import build, complete, default_parameters, models
from recval.backbones.registry import MODELS, model

__all__ = [
    "MODELS",
    "Backbone",
    "Batch",
    "SelfTraining",
    "Weigh",
    "build",
    "complete",
    "default_parameters",
    "model",
    "models",
]
