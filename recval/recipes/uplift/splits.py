"""How customers are held out: at random within each arm, and alike among those who responded and those who did not.

Few customers buy, so a split that left their number to chance would compare parts, not models. Repeated splits draw
anew from the same customers: their test parts overlap, which a comparison over them must allow for.
"""

from __future__ import annotations

from pydantic import Field

from recval.declarations import Declaration
from recval.errors import DataError
from recval.recipes.splits import Seed
from recval.rng import numpy_generator
from recval.uplift.customers import Customers
from recval.uplift.training.batches import held_out_rows


class CustomerSplit(Declaration):
    """What is held out to test on. What training stops by is held out of the rest: `model.training.validation`.

    Attributes:
        test: the share of the customers.
        seed: the seed of the draws.
        repeats: how many splits are drawn, each for itself.
    """

    test: float = Field(0.3, gt=0, lt=1)
    seed: Seed = 0
    repeats: int = Field(1, ge=1)

    def hold_out(self, customers: Customers, repeat: int = 0) -> tuple[Customers, Customers]:
        """Return the customers to fit a model to, and those to test it on.

        Args:
            customers: all customers.
            repeat: which of the splits, from 0.

        Raises:
            DataError: one of the parts has no customer of some arm, or none who responded.
        """
        generator = numpy_generator(self.seed, "split", repeat)
        held_out = held_out_rows(customers.arm, customers.response, self.test, generator)
        rest, test = customers.take(~held_out), customers.take(held_out)
        for part, name in ((rest, "fit"), (test, "test")):
            empty = [arm for arm, size in part.sizes.items() if not size]
            if empty:
                raise DataError(f"the arm {empty[0]!r} has too few customers: none is left to {name}")
            if not part.response.any():
                raise DataError(f"too few customers responded: none of them is left to {name}")
        return rest, test
