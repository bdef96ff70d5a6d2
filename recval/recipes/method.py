"""What every method of a recipe has in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from recval.declarations import Declaration
from recval.errors import RecvalError
from recval.recipes.models import Model
from recval.training import Callback as TrainingCallback
from recval.training import Training
from recval.valuation.standalone import StandaloneValuator


class MethodRecipe(Declaration):
    """What every method may set for itself.

    Attributes:
        model: the backbone; by default that of the recipe, of a placebo that of the method it is the placebo of.
        training: how it is trained; by default as the recipe says, or as that method's is.
        makes: what makes the method's callback of its settings; None for plain training.
        gives_values: whether it values the training interactions.
    """

    model: Model | None = None
    training: Training | None = None
    makes: ClassVar[Callable[..., TrainingCallback] | None] = None
    gives_values: ClassVar[bool] = False

    @property
    def weighs(self) -> bool:
        """Whether it gives the samples weights of its own, or draws them by numbers of its own."""
        return self.makes is not None

    @property
    def stands_alone(self) -> bool:
        """Whether it values without a part in training; then it trains nothing to be tested, and only gives values."""
        return isinstance(self, StandaloneValuator)

    @property
    def is_random(self) -> bool:
        """Whether another seed may give other values."""
        return True

    def callback(self, methods: Mapping[str, MethodRecipe]) -> TrainingCallback | None:
        """Return a fresh callback that weighs or values as the method does; None for plain training.

        Args:
            methods: the methods of the recipe by name.
        """
        make = type(self).makes
        return None if make is None else make(**self._settings())

    def _settings(self) -> dict[str, Any]:
        """Return what the method sets, by name, without what every method may set."""
        return self.model_dump(exclude={"kind", *MethodRecipe.model_fields})


@contextmanager
def naming(method: str) -> Iterator[None]:
    """Let a refusal say which method of a recipe it is about."""
    try:
        yield
    except RecvalError as error:
        raise type(error)(f"methods.{method}: {error}") from None
