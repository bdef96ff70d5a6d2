"""Recipes: whole experiments in YAML, and one training or valuation from Python."""

from recval.recipes.checking import check
from recval.recipes.fitting import Result, fit
from recval.recipes.running import run, run_valuation
from recval.recipes.schema import Recipe
from recval.recipes.valuing import value

__all__ = ["Recipe", "Result", "check", "fit", "run", "run_valuation", "value"]
