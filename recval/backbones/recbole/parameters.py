"""Checks what a person sets on a RecBole model against the model's defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Integral, Real

from recval.backbones.recbole.catalogue import Source, default_parameters, name_of
from recval.errors import ConfigError, unknown

_REAL = {"negative_weight", "resolution", "w_max", "reg_weight", "hidden_dropout_prob"}
"""Parameters that are real numbers although RecBole's defaults for them happen to be written as integers."""

_PATHS = {"mf_pretrain_path", "mlp_pretrain_path", "pretrain_path"}
"""Parameters without a default that are paths."""


def complete(source: Source, chosen: Mapping[str, object]) -> dict[str, object]:
    """Return all parameters of a model: the chosen ones, and the defaults of the rest.

    Args:
        source: RecBole's name of the model, or a class that is written for RecBole.
        chosen: parameters by name; one whose default is None takes any value.

    Raises:
        ConfigError: a key is not a parameter of the model, or its value is not of the default's type.
        ModelError: RecBole is not installed, or has no such model.
    """
    whose = f"RecBole's {source}" if isinstance(source, str) else name_of(source)
    parameters = default_parameters(source)
    for key, value in chosen.items():
        if key not in parameters:
            raise ConfigError(unknown(f"parameter of {whose}", key, parameters))
        expected, accepts = _expected_of(key, parameters[key])
        plain = list(value) if isinstance(value, tuple) else value
        if not accepts(plain):
            raise ConfigError(
                f"the parameter {key!r} of {whose} must be {expected} (default {parameters[key]!r}), "
                f"got {value!r} of type {type(value).__name__}"
            )
        parameters[key] = plain
    return parameters


def _expected_of(key: str, default: object) -> tuple[str, Callable[[object], bool]]:
    """What a parameter must be: in words, and as a test."""
    if key in _PATHS:
        return "a path or null", lambda value: value is None or isinstance(value, str)
    return _expectation(float(default) if key in _REAL and isinstance(default, int) else default)


def _expectation(default: object) -> tuple[str, Callable[[object], bool]]:
    """What a value must be to stand in for `default`: in words, and as a test."""
    match default:
        case None:
            return "anything", lambda value: True
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
