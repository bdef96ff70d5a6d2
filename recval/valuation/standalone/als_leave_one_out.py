r"""Leave-one-out of ALS in closed form: how much a user's validation margins fall without each of its interactions.

With the items' factors Q held fixed, user u's factors are :math:`p_u = A^{-1} (1 + \alpha) \sum_{j} q_j` with
:math:`A = Q^\top Q + \lambda I + \alpha \sum_j q_j q_j^\top`, over the items j that u met. Without item i, by Sherman
and Morrison,

.. math:: p_u' = p_u - \frac{1 + \alpha - \alpha \, q_i^\top p_u}{1 - \alpha \, q_i^\top A^{-1} q_i} \, A^{-1} q_i ,

so each interaction costs a product with a vector. The value is the fall of the margins of u's validation items over
items that it has not met (`recval.valuation.standalone.margins`), divided by the number of validation users, so that it
is a part of the mean over users; the standard error is that over u's validation items. An interaction of a user without
validation items changes nothing that is looked at: its value is 0, exactly.

Choose it for catalogues that EASE's matrices are too large for, and for what an interaction tells of its own user. It
leaves out what the interaction does to the items' factors, and so to other users; leave-one-out of EASE counts both.
With a few validation items a user, single values are uncertain: read their standard errors.

Source: Hu, Koren, Volinsky, ICDM 2008.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import Field

from recval.backbones import build, complete
from recval.backbones.als import ALS
from recval.data import Interactions, Split
from recval.games.sums import values_of_sums
from recval.games.values import Values, players_of
from recval.ranking import ItemSets
from recval.valuation.standalone.als_kernel import own_changes
from recval.valuation.standalone.base import StandaloneValuator, Valued, Valuing
from recval.valuation.standalone.margins import Margins, check_judged, distinct


class AlsLeaveOneOut(StandaloneValuator):
    """Leave-one-out values of ALS with the items' factors held fixed.

    Attributes:
        parameters: parameters of the backbone ALS that differ from its defaults.
        unwanted: how many items that a user has not met stand beside each validation item.
    """

    kind: Literal["loo-als"] = "loo-als"
    parameters: Mapping[str, Any] = Field(default_factory=dict)
    unwanted: int = Field(20, ge=1)

    def check(self, split: Split) -> None:
        """Refuse data without a validation part, and parameters that ALS does not have.

        Raises:
            ConfigError: ALS has no such parameter.
            DataError: there are no validation interactions.
        """
        complete("ALS", self.parameters)
        check_judged(split)

    def value(self, valuing: Valuing) -> Valued:
        """Return the values of the training interactions.

        A repeated interaction is worth nothing: its copy is still there.
        """
        self.check(valuing.split)
        train = valuing.split.train
        margins = Margins.drawn(valuing.split, self.unwanted, valuing.seed)
        model = build("ALS", train, self.parameters, seed=valuing.seed)
        assert isinstance(model, ALS)
        valuing.report(0.5)
        return Valued(_values(train, model, margins), facts={"validation users": len(margins.users)})


def _values(train: Interactions, model: ALS, margins: Margins) -> Values:
    sets = ItemSets.of(train)
    place = np.full(sets.n_users, -1)
    place[margins.users] = np.arange(len(margins.users))
    total, squares = np.zeros((2, len(sets.items)))
    cells = (margins.indptr, margins.wanted, margins.unwanted)
    factors = model.of_items.numpy()
    own_changes(sets.indptr, sets.items, place, cells, factors, model.alpha, model.regularisation, total, squares)
    cell, unique = distinct(train)
    count = np.append(np.diff(margins.indptr), 0)[place[train.user]]
    n_users = len(margins.users)
    parts = total[cell] * unique / n_users, squares[cell] * unique / n_users**2
    found = values_of_sums(players_of(train), *parts, count)
    # Exactly 0 where nothing is looked at, or a copy remains.
    exact = (count == 0) | ~unique
    kept = np.where(exact, 0.0, found.value), np.where(exact, 0.0, found.variance), np.maximum(count, 1)
    return Values(found.players, *kept)
