"""Named plug-ins: a name in a recipe resolves here, and never through a dotted path read from a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoints, entry_points
from typing import Generic, TypeVar

from recval.errors import ConfigError, unknown

Plugin = TypeVar("Plugin")


class Registry(Generic[Plugin]):
    """The plug-ins of one kind, by name.

    Besides what is registered in this process, every installed package may offer plug-ins through the entry
    point group `recval.<kind>s`; they are loaded when first named.

    Args:
        kind: what is registered, in words of an error message ("metric").
        homes: the modules that register recval's own plug-ins when they are imported, by name; imported when first
            named.
    """

    def __init__(self, kind: str, homes: Mapping[str, str] | None = None) -> None:
        self.kind = kind
        self._homes = dict(homes or {})
        self._plugins: dict[str, Plugin] = {}

    def register(self, name: str) -> Callable[[Plugin], Plugin]:
        """Return a decorator that registers its argument under `name`.

        Raises:
            ConfigError: the name is already taken.
        """

        def add(plugin: Plugin) -> Plugin:
            reserved = name in self._homes and getattr(plugin, "__module__", None) != self._homes[name]
            if name in self._plugins or reserved:
                raise ConfigError(f"the {self.kind} {name!r} is registered already")
            self._plugins[name] = plugin
            return plugin

        return add

    def __getitem__(self, name: str) -> Plugin:
        if name not in self._plugins and name in self._homes:
            import_module(self._homes[name])
        if name not in self._plugins:
            for entry_point in self._offered.select(name=name):
                self._plugins[name] = entry_point.load()
        if name not in self._plugins:
            raise ConfigError(unknown(self.kind, name, self))
        return self._plugins[name]

    def __contains__(self, name: object) -> bool:
        return name in set(self)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(set(self._plugins) | set(self._homes) | self._offered.names))

    @property
    def _offered(self) -> EntryPoints:
        return _entry_points(f"recval.{self.kind}s")


@cache
def _entry_points(group: str) -> EntryPoints:
    """Return what installed packages offer; read once a process, since it opens the metadata of every package."""
    return entry_points(group=group)
