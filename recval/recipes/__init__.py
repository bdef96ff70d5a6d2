"""Recipes: whole experiments in YAML, and one training or valuation from Python.

Names are loaded when they are first used: what concerns uplift alone does without the recommenders.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recval.recipes.checking import check
    from recval.recipes.fitting import Result, fit
    from recval.recipes.running import run, run_valuation
    from recval.recipes.schema import Recipe
    from recval.recipes.valuing import value

_HOME = {
    "Recipe": "recval.recipes.schema",
    "Result": "recval.recipes.fitting",
    "check": "recval.recipes.checking",
    "fit": "recval.recipes.fitting",
    "run": "recval.recipes.running",
    "run_valuation": "recval.recipes.running",
    "value": "recval.recipes.valuing",
}

__all__ = ["Recipe", "Result", "check", "fit", "run", "run_valuation", "value"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'recval.recipes' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
