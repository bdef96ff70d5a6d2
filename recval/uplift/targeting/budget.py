"""What treatments cost, what may be spent, and what a unit of revenue is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field, FiniteFloat

from recval.declarations import Declaration
from recval.errors import ConfigError, unknown
from recval.uplift.checks import Floats, per_arm, same_shape


class Budget(Declaration):
    """The settings of targeting; all amounts of money in one currency.

    Attributes:
        cost: of treating one customer: one number for every treatment, one for each, or one for each by name. Zero and
            negative costs are allowed.
        budget: what may be spent on all; None: no limit.
        margin: the profit in a unit of revenue, before the costs of treatment.
        least_return: a unit of cost is spent only where it brings back more than this, as margin on expected
            incremental revenue. 1: whoever pays is treated, for the highest profit. 0: the highest revenue, as far as
            the budget goes.
    """

    cost: FiniteFloat | tuple[FiniteFloat, ...] | dict[str, FiniteFloat] = 0.0
    budget: Annotated[FiniteFloat, Field(ge=0)] | None = None
    margin: Annotated[FiniteFloat, Field(gt=0)] = 1.0
    least_return: Annotated[FiniteFloat, Field(ge=0)] = 1.0

    def costs(self, treatments: Sequence[str]) -> Floats:
        """Return the cost of each treatment, shape [A].

        Args:
            treatments: their names, without the control's.

        Raises:
            ConfigError: a cost names an unknown treatment, or not every treatment has one.
        """
        if isinstance(self.cost, Mapping):
            for name in self.cost:
                if name not in treatments:
                    raise ConfigError(unknown("treatment with a cost", name, treatments))
            if lacking := [name for name in treatments if name not in self.cost]:
                raise ConfigError(f"the treatment {lacking[0]!r} has no cost; say 0 if it is free")
            return np.array([self.cost[name] for name in treatments])
        if isinstance(self.cost, tuple):
            if len(self.cost) != len(treatments):
                raise ConfigError(f"{len(treatments)} treatments need as many costs. Got {len(self.cost)} instead")
            return np.array(self.cost)
        return np.full(len(treatments), self.cost)

    def costs_of(self, rows: int, treatments: Sequence[str], own: npt.ArrayLike | None) -> Floats:
        """Return the cost of each treatment for each customer, shape [n, A].

        Args:
            rows: the number n of customers.
            treatments: their names, without the control's.
            own: each customer's own costs, shape [n] or [n, A]; None: those of the settings.

        Raises:
            ConfigError: as in `costs`.
            DataError: customers' own costs have another shape, or are not finite.
        """
        if own is None:
            return np.broadcast_to(self.costs(treatments), (rows, len(treatments)))
        found = per_arm("the costs", own)
        if found.shape[1] == 1:
            found = np.repeat(found, len(treatments), axis=1)
        same_shape("the costs", found, "the uplift", (rows, len(treatments)))
        return found
