"""Plug-in files, loaded in a worker ahead of what needs them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from recval.plugin_files import load_plugins, loaded_plugins


class LoadedPlugins:
    """Stands for the files that this process has loaded: where it arrives, they are loaded.

    What travels with it and after it can so be of their classes.
    """

    def __reduce__(self) -> tuple[Callable[[list[Path]], Any], tuple[list[Path]]]:
        return load_plugins, (list(loaded_plugins()),)
