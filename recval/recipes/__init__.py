"""Recipes: whole experiments in YAML, and one training from Python."""

from recval.recipes.fit import Result, fit
from recval.recipes.run import run
from recval.recipes.schema import Recipe

__all__ = ["Recipe", "Result", "fit", "run"]
