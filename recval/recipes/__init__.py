"""Recipes: whole experiments in YAML, and one training from Python."""

from recval.recipes.fitting import Result, fit
from recval.recipes.running import check, run
from recval.recipes.schema import Recipe

__all__ = ["Recipe", "Result", "check", "fit", "run"]
