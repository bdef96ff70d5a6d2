"""Methods by what they override: a base that all share, and grids, which are products of axes of settings.

    grid:
      network: [tarnet, dragonnet]              # kinds of a setting, by their names
      head: [mse, ziln]
      losses:                                    # or labels, each for the settings that it stands for
        plain: {}
        listwise: {listwise: {weight: 0.1}, calibration: level}

is eight methods, "tarnet, mse, plain" to "dragonnet, ziln, listwise".
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

from recval.declarations import validate
from recval.errors import ConfigError, unknown
from recval.uplift.settings import UpliftSettings

Axis = tuple[str | int, ...] | dict[str, dict[str, Any]]
Grid = dict[str, Axis]


def check_grid(grid: Grid) -> None:
    """Refuse a grid with an axis that is no setting, a setting that cannot be, or a label that stands twice.

    Raises:
        ConfigError: it has one.
    """
    labels: set[str] = set()
    for axis, options in grid.items():
        if not isinstance(options, Mapping) and axis not in UpliftSettings.model_fields:
            raise ConfigError(f"{unknown('setting', axis, UpliftSettings.model_fields)}; give other axes labels")
        for label, settings in options_of(axis, options).items():
            if label in labels:
                raise ConfigError(f"{axis}: the label {label!r} stands twice")
            labels.add(label)
            try:
                validate(settings, UpliftSettings)
            except ConfigError as error:
                raise ConfigError(f"{axis}, {label}: {error}") from None


def is_grid(value: object) -> bool:
    """Return whether a value has the form of a grid, whatever its settings are."""
    if not isinstance(value, Mapping):
        return False
    labelled = [options for options in value.values() if isinstance(options, Mapping)]
    listed = [options for options in value.values() if isinstance(options, list | tuple)]
    settings = [own for options in labelled for own in options.values()]
    return len(labelled) + len(listed) == len(value) and all(isinstance(own, Mapping) for own in settings)


def options_of(axis: str, options: Any) -> dict[str, Mapping[str, Any]]:
    """Return the settings of each label of an axis."""
    return dict(options) if isinstance(options, Mapping) else {str(kind): {axis: kind} for kind in options}


def combinations(grid: Mapping[str, Any]) -> dict[tuple[str, ...], dict[str, Any]]:
    """Return the settings of every combination of labels, none for a grid without axes."""
    axes = [options_of(axis, options).items() for axis, options in grid.items()]
    found = {}
    for chosen in product(*axes) if axes else ():
        settings: dict[str, Any] = {}
        for _, own in chosen:
            settings = merged(settings, own)
        found[tuple(label for label, _ in chosen)] = settings
    return found


def name_of(labels: tuple[str, ...]) -> str:
    """Return the name of the method of a combination of labels."""
    return ", ".join(labels)


def merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the base's keys with one's own, which replace them; keys below are merged where both are of one kind."""
    result = dict(base)
    for key, value in own.items():
        below = result.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            alike = value.get("kind", below.get("kind")) == below.get("kind")
            result[key] = merged(below, value) if alike else value
        else:
            result[key] = value
    return result
