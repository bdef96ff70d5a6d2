"""Surrogates: games close to another one, whose semi-values are known in closed form."""

from typing import Annotated

from pydantic import Field

from recval.games.surrogates.base import Surrogate, SurrogateModel
from recval.games.surrogates.quadratic import Quadratic, QuadraticGame, fit_quadratic
from recval.games.surrogates.sizes import Sizes, SizesGame
from recval.games.surrogates.tree import Tree, TreeGame

AnySurrogateModel = Annotated[Quadratic | Sizes | Tree, Field(discriminator="kind")]
"""A surrogate to be fitted, in a recipe."""

__all__ = [
    "AnySurrogateModel",
    "Quadratic",
    "QuadraticGame",
    "Sizes",
    "SizesGame",
    "Surrogate",
    "SurrogateModel",
    "Tree",
    "TreeGame",
    "fit_quadratic",
]
