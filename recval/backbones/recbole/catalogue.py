"""Which general recommenders RecBole has and what can be set on each, read from its source without importing it."""

from __future__ import annotations

import ast
import re
from copy import deepcopy
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import yaml

from recval.errors import ModelError, unknown

_MODELS = "model/general_recommender"
_SET_BY_RECVAL = {"seed", "train_neg_sample_args"}


def models() -> list[str]:
    """Return the names of RecBole's general recommenders, sorted.

    Raises:
        ModelError: RecBole is not installed.
    """
    return sorted(_modules(home()))


def default_parameters(name: str) -> dict[str, object]:
    """Return the parameters of a model with RecBole's defaults.

    These are the ones that RecBole declares for the model, and those of its overall settings that the model's own
    code reads (`require_pow` of LightGCN).

    Raises:
        ModelError: RecBole is not installed, or has no general recommender of this name.
    """
    source = home() / _MODELS / f"{module_of(name).rpartition('.')[2]}.py"
    shared = _keys_read(source) - _SET_BY_RECVAL
    declared = home() / "properties/model" / f"{name}.yaml"
    own = deepcopy(_read(declared)) if declared.exists() else {}
    return {key: value for key, value in overall_settings().items() if key in shared} | own


def overall_settings() -> dict[str, object]:
    """Return the settings that RecBole gives to every model."""
    return deepcopy(_read(home() / "properties/overall.yaml"))


def module_of(name: str) -> str:
    """Return the dotted name of the module that defines the model.

    Raises:
        ModelError: RecBole is not installed, or has no general recommender of this name.
    """
    modules = _modules(home())
    if name in modules:
        return modules[name]
    if name in {path.stem for path in (home() / "properties/model").glob("*.yaml")}:
        raise ModelError(
            f"RecBole's {name} is not a general recommender: it learns from more than users and items; "
            f"choose one of {', '.join(models())}"
        )
    raise ModelError(unknown("RecBole model", name, modules))


def home() -> Path:
    """Return the folder of RecBole's source.

    Raises:
        ModelError: RecBole is not installed.
    """
    found = find_spec("recbole")
    if found is None or found.origin is None:
        raise ModelError("RecBole is not installed; install it with `pip install --no-deps recbole==1.2.1`")
    return Path(found.origin).parent


@cache
def _modules(folder: Path) -> dict[str, str]:
    """The module of each model, from the imports of the package that holds them."""
    package = ast.parse((folder / _MODELS / "__init__.py").read_text(encoding="utf-8"))
    imports = [node for node in package.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


@cache
def _keys_read(source: Path) -> frozenset[str]:
    """The constant keys that a module looks up in its `config`."""
    return frozenset(re.findall(r"""config\[\s*["']([^"']+)["']\s*\]""", source.read_text(encoding="utf-8")))


class _Loader(yaml.SafeLoader):
    """Reads `1e-5` as a number, as RecBole does; to YAML 1.1 it is a string."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


@cache
def _read(path: Path) -> dict[str, object]:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader) or {}  # noqa: S506 (it is a SafeLoader)
