r"""Implicit ALS: matrix factorisation by alternating exact solves, without samples or step sizes.

It minimises, with the confidence :math:`c = 1 + \alpha` where user u met item i (x = 1) and 1 elsewhere (x = 0),

.. math:: \sum_{u, i} c_{ui} (x_{ui} - p_u^\top q_i)^2 + \lambda \Big( \sum_u |p_u|^2 + \sum_i |q_i|^2 \Big) .

For given items each user has a closed form, :math:`p_u = (Q^\top Q + \alpha Q_u^\top Q_u + \lambda I)^{-1} (1 + \alpha)
Q_u^\top 1`, with :math:`Q_u` the rows of its items; a sweep solves for all users and then for all items.

Choose it for a matrix factorisation in seconds, on catalogues of any size, for users that come later (`fold_in`), and
where a user's factors are to follow exactly from its interactions, as in leave-one-out. It is complete as it is built;
models trained on ranking losses take weights and negatives, which this one cannot.

Reference:
    Hu, Koren, Volinsky. "Collaborative Filtering for Implicit Feedback Datasets." ICDM 2008, equations 4 and 5.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor

from recval.backbones.als_kernel import solve
from recval.backbones.closed_form import ClosedForm
from recval.backbones.registry import model
from recval.data import Interactions
from recval.ranking import ItemSets, Scorer

Floats = npt.NDArray[np.float64]


@model("ALS")
class ALS(ClosedForm):
    """Implicit ALS, complete as it is built.

    Args:
        train: the interactions; repeated ones count once.
        n_factors: the length of the vectors.
        alpha: how much more an interaction weighs than its absence.
        regularisation: lambda.
        sweeps: how many times users and items are solved for; the users once more in the end.
    """

    of_users: Tensor
    of_items: Tensor

    def __init__(
        self,
        train: Interactions,
        *,
        n_factors: Annotated[int, Field(ge=1)] = 64,
        alpha: Annotated[float, Field(gt=0)] = 2.0,
        regularisation: Annotated[float, Field(gt=0)] = 30.0,
        sweeps: Annotated[int, Field(ge=1)] = 10,
    ) -> None:
        super().__init__(train)
        self.alpha, self.regularisation = alpha, regularisation
        rows = ItemSets.of(train)
        columns = _transposed(rows)
        items = torch.randn(self.n_items, n_factors, dtype=torch.float64).numpy() / np.sqrt(n_factors)
        for _ in range(sweeps):
            users = solve(rows.indptr, rows.items, items, alpha, regularisation)
            items = solve(columns.indptr, columns.items, users, alpha, regularisation)
        users = solve(rows.indptr, rows.items, items, alpha, regularisation)
        self.register_buffer("of_users", torch.from_numpy(users))
        self.register_buffer("of_items", torch.from_numpy(items))

    def score(self, users: Tensor) -> Tensor:
        """Return the scores of all items for the users of the training interactions, shape [U, n_items]."""
        return self._score(self.of_users, users)

    def fold_in(self, interactions: Interactions) -> Scorer:
        """Return a scorer for the users of other interactions with the same items, who are solved for.

        Raises:
            DataError: the items are not the model's.
        """
        self.check_items(interactions)
        rows, items = ItemSets.of(interactions), self.of_items.cpu().numpy()
        users = torch.from_numpy(solve(rows.indptr, rows.items, items, self.alpha, self.regularisation))
        return partial(self._score, users.to(self.of_items.device))

    def user_embeddings(self, users: Tensor) -> Tensor:
        """Return the users' factors, shape [B, n_factors]."""
        return self.of_users[users]

    def item_embeddings(self, items: Tensor) -> Tensor:
        """Return the items' factors, shape [B, n_factors]."""
        return self.of_items[items]

    def _score(self, of_users: Tensor, users: Tensor) -> Tensor:
        return of_users[users] @ self.of_items.T


def _transposed(rows: ItemSets) -> ItemSets:
    """Return the sets of users of the items."""
    user = np.repeat(np.arange(rows.n_users), rows.counts)
    return ItemSets(np.sort(rows.items * rows.n_users + user), rows.n_items, rows.n_users)
