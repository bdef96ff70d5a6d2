"""Checks what a person sets on a RecBole model against the model's defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Integral, Real

from recval.backbones.recbole.catalogue import default_parameters
from recval.errors import ConfigError, unknown

_REAL = {"negative_weight", "resolution", "w_max"}
"""Parameters that are real numbers although RecBole's defaults for them happen to be written as integers."""


def complete(name: str, chosen: Mapping[str, object]) -> dict[str, object]:
    """Return all parameters of a model: the chosen ones, and RecBole's defaults for the rest.

    Raises:
        ConfigError: a key is not a parameter of the model, or its value is not of the default's type.
        ModelError: RecBole is not installed, or has no general recommender of this name.
    """
    parameters = default_parameters(name)
    for key, value in chosen.items():
        if key not in parameters:
            raise ConfigError(unknown(f"parameter of RecBole's {name}", key, parameters))
        default = parameters[key]
        expected, accepts = _expectation(float(default) if key in _REAL and isinstance(default, int) else default)
        plain = list(value) if isinstance(value, tuple) else value
        if not accepts(plain):
            raise ConfigError(
                f"the parameter {key!r} of RecBole's {name} must be {expected} (default {default!r}), "
                f"got {value!r} of type {type(value).__name__}"
            )
        parameters[key] = plain
    return parameters


def _expectation(default: object) -> tuple[str, Callable[[object], bool]]:
    """What a value must be to stand in for `default`: in words, and as a test."""
    match default:
        case None:
            return "a path or null", lambda value: value is None or isinstance(value, str)
        case bool():
            return "true or false", lambda value: isinstance(value, bool)
        case int():
            return "an integer", lambda value: isinstance(value, Integral) and not isinstance(value, bool)
        case float():
            return "a number", lambda value: isinstance(value, Real) and not isinstance(value, bool)
        case list():
            accepts = _expectation(default[0])[1] if default else lambda _: True
            return "a list like the default", lambda value: isinstance(value, list) and all(map(accepts, value))
        case _:
            return "a string", lambda value: isinstance(value, str)
