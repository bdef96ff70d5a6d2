"""Recommenders: what every one of them offers, and the bridge to RecBole's."""

from recval.backbones.base import Backbone, Batch

__all__ = ["Backbone", "Batch"]
