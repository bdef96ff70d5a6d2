"""Callbacks that are made of settings."""

from __future__ import annotations

from typing import Any, get_type_hints

from recval.declarations import Declaration, validate
from recval.training import Callback


class Configured(Callback):
    """Base of callbacks that are made of settings, given by keyword; the annotation of `settings` says of which.

    Args:
        **settings: see the class that `settings` is annotated with.

    Attributes:
        settings: the settings.

    Raises:
        ConfigError: a setting is unknown or out of its range.
    """

    settings: Declaration

    def __init__(self, **settings: Any) -> None:
        self.settings = validate(settings, get_type_hints(type(self))["settings"])
