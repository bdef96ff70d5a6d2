"""The recipe of the demonstration: Hillstrom's experiment where its file is present, else made-up customers."""

from __future__ import annotations

from recval.declarations import find, read
from recval.errors import DataError
from recval.recipes.uplift.schema import UpliftRecipe

_REAL, _MADE_UP = "uplift-hillstrom-mens", "uplift-semi-synthetic"


def demo_recipe() -> tuple[UpliftRecipe, str]:
    """Return the recipe, and a line that says which customers they are."""
    real = read(find("configs", _REAL), UpliftRecipe)
    try:
        customers = real.customers.load()
    except DataError as error:
        made_up = read(find("configs", _MADE_UP), UpliftRecipe)
        return made_up, f"the customers are made up, by the recipe {_MADE_UP}; for real ones: {error}"
    return real, f"{len(customers):,} customers of Hillstrom's e-mail experiment, by the recipe {_REAL}"
