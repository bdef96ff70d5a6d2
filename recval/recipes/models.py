"""How a recipe names a backbone."""

from __future__ import annotations

from typing import Annotated, Any

from recval.backbones import complete
from recval.declarations import Declaration, checked


class ModelRecipe(Declaration):
    """A backbone: its name (`recval models list`), and parameters that replace its defaults."""

    name: str
    parameters: dict[str, Any] = {}


Model = Annotated[ModelRecipe, checked(lambda model: complete(model.name, model.parameters))]
