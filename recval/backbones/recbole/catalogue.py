"""Which models RecBole has and what can be set on each, read from its source without importing it.

A class of one's own that is written for RecBole stands wherever a name does: its parameters are the keys that its
source looks up in its configuration.
"""

from __future__ import annotations

import ast
import inspect
import re
from copy import deepcopy
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import yaml

from recval.errors import ModelError, unknown

Family = Literal["general", "sequential", "context-aware", "knowledge-aware"]
"""What a model learns from: pairs; the order of a user's items; side fields as well; a knowledge graph as well."""

Source = str | type
"""A model: RecBole's name of it, or a class that is written for RecBole."""

FAMILIES: dict[Family, str] = {
    "general": "general_recommender",
    "sequential": "sequential_recommender",
    "context-aware": "context_aware_recommender",
    "knowledge-aware": "knowledge_aware_recommender",
}
"""The package within `recbole.model` that holds the models of a family."""

OWN: dict[Family, dict[str, object]] = {
    "general": {},
    "sequential": {"MAX_ITEM_LIST_LENGTH": 50},
    "context-aware": {"features": []},
    "knowledge-aware": {},
}
"""The parameters that every model of a family has. `features` names the side fields that a model sees, [] for all."""

UNMET = {
    "GRU4RecKG": "embeddings of entities that were trained elsewhere",
    "KGAT": "the package dgl",
    "KGIN": "the package torch_scatter",
    "KSR": "embeddings of entities that were trained elsewhere",
    "MCCLK": "the package torch_scatter",
}
"""The models that the bridge does not build, and what they need beyond interactions, side fields and triples."""

_ABSTRACT = "recbole.model.abstract_recommender"
_TYPES: dict[str, Family] = {
    "GENERAL": "general",
    "TRADITIONAL": "general",
    "SEQUENTIAL": "sequential",
    "CONTEXT": "context-aware",
    "KNOWLEDGE": "knowledge-aware",
}
_SET_BY_RECVAL = {"seed", "train_neg_sample_args", "device", "data_path", "numerical_features"}


def models(family: Family | None = None) -> list[str]:
    """Return the names of RecBole's models, sorted.

    Args:
        family: only those of this family; all by default.

    Raises:
        ModelError: RecBole is not installed.
    """
    return sorted(name for name, (found, _) in _modules(home()).items() if family in (None, found))


def name_of(source: Source) -> str:
    """Return the name of a model."""
    return source if isinstance(source, str) else source.__name__


def family_of(source: Source) -> Family:
    """Return the family of a model.

    Raises:
        ModelError: RecBole is not installed, has no model of this name, or the class is not of its families.
    """
    if isinstance(source, str):
        return _located(source)[0]
    kind = getattr(getattr(source, "type", None), "name", "")
    if kind not in _TYPES:
        raise ModelError(f"{source.__name__} must have one of RecBole's types ({', '.join(_TYPES)}), found {kind!r}")
    return _TYPES[kind]


def class_of(source: Source) -> Any:
    """Return the class of a model, imported.

    Raises:
        ModelError: RecBole is not installed, or has no model of this name.
    """
    if not isinstance(source, str):
        return source
    import torch

    # The sequential models come in one package, one of which (SINE) makes torch look for NaN in every gradient.
    looks_for_nan = torch.is_anomaly_enabled()
    try:
        return getattr(import_module(_located(source)[1]), source)
    finally:
        torch.autograd.set_detect_anomaly(looks_for_nan)


def default_parameters(source: Source) -> dict[str, object]:
    """Return the parameters of a model with their defaults.

    These are the ones that RecBole declares for the model, those of its overall settings that the model's own code
    reads (`require_pow` of LightGCN), and those of its family. What a class of one's own reads besides has the
    default None.

    Raises:
        ModelError: RecBole is not installed, has no model of this name, or the source of the class cannot be read.
    """
    declared = _declared(source) if isinstance(source, str) else _read_by_class(source)
    return declared | deepcopy(OWN[family_of(source)])


def overall_settings() -> dict[str, object]:
    """Return the settings that RecBole gives to every model."""
    return deepcopy(_read(home() / "properties/overall.yaml"))


def home() -> Path:
    """Return the folder of RecBole's source.

    Raises:
        ModelError: RecBole is not installed.
    """
    found = find_spec("recbole")
    if found is None or found.origin is None:
        raise ModelError("RecBole is not installed; install it with `pip install --no-deps recbole==1.2.1`")
    return Path(found.origin).parent


def _located(name: str) -> tuple[Family, str]:
    """Return the family of a model and the dotted name of its module."""
    modules = _modules(home())
    if name not in modules:
        raise ModelError(unknown("RecBole model", name, modules))
    return modules[name]


def _declared(name: str) -> dict[str, object]:
    """Return the parameters of one of RecBole's models."""
    source = home().joinpath(*_located(name)[1].split(".")[1:]).with_suffix(".py").read_text(encoding="utf-8")
    path = home() / "properties/model" / f"{name}.yaml"
    own = deepcopy(_read(path)) if path.exists() else {}
    shared = _keys_read(source) - _SET_BY_RECVAL
    return {key: value for key, value in overall_settings().items() if key in shared} | own


def _read_by_class(cls: type) -> dict[str, object]:
    """Return the parameters that a class reads, with the defaults of the RecBole models that it derives from."""
    found: dict[str, object] = {}
    overall = overall_settings()
    for base in reversed(cls.__mro__):
        package = base.__module__.partition(".")[0]
        if _is_model(base):
            found = {key: value for key, value in found.items() if value is not None} | _declared(base.__name__)
        elif package not in ("recbole", "torch", "builtins") or base.__module__ == _ABSTRACT:
            read = _keys_read(_source_of(base)) - _SET_BY_RECVAL - set(found)
            found |= {key: overall.get(key) for key in sorted(read) if not key.isupper()}  # Others name fields.
    return found


def _is_model(cls: type) -> bool:
    """Return whether a class is one of RecBole's models."""
    located = _modules(home()).get(cls.__name__)
    return located is not None and located[1] == cls.__module__


def _source_of(cls: type) -> str:
    try:
        return inspect.getsource(cls)
    except (OSError, TypeError):
        raise ModelError(f"the source of {cls.__name__} cannot be read; define it in a file") from None


@cache
def _modules(folder: Path) -> dict[str, tuple[Family, str]]:
    """The family and module of each model, from the imports of the packages that hold them."""
    found: dict[str, tuple[Family, str]] = {}
    for family, package in FAMILIES.items():
        source = ast.parse((folder / "model" / package / "__init__.py").read_text(encoding="utf-8"))
        for node in source.body:
            if isinstance(node, ast.ImportFrom):
                found |= {alias.name: (family, str(node.module)) for alias in node.names}
    return found


def _keys_read(source: str) -> frozenset[str]:
    """The constant keys that source code looks up in its `config`."""
    return frozenset(re.findall(r"""config\[\s*["']([^"']+)["']\s*\]""", source))


class _Loader(yaml.SafeLoader):
    """Reads `1e-5` as a number, as RecBole does; to YAML 1.1 it is a string."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


@cache
def _read(path: Path) -> dict[str, object]:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader) or {}  # noqa: S506 (it is a SafeLoader)
