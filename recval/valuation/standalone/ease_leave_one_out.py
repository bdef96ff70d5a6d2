r"""Leave-one-out of EASE in closed form: how much validation margins fall without each interaction, exactly.

EASE (Steck, WWW 2019) scores :math:`s_{wc} = -(x_w^\top P)_c / P_{cc}` for what w has not met, with :math:`P =
(X^\top X + \lambda I)^{-1}`. Without one interaction (u, i) the Gram matrix differs by a matrix of rank two, and with
:math:`Z = [x_u, e_i]`

.. math:: P' = P + P Z W Z^\top P, \qquad
    (x_w^\top P')_c = (x_w^\top P)_c + [x_w^\top P x_u, (x_w^\top P)_i] \, W \, [(P x_u)_c, P_{ci}]^\top ,

so with P and X P at hand each score costs a few multiplications; user u's own row loses the item as well. Without a
user, :math:`P' = P + P x_u x_u^\top P / (1 - x_u^\top P x_u)`, and the user itself has no scores but zeros. The value
is :math:`U(\text{all}) - U(\text{all without it})`, with the utility of `recval.valuation.standalone.margins`; the
standard error is that of the mean over validation users.

Choose it for what one interaction or one user does to a good model, without any training; it is the exact answer that
influence functions approximate. It is not the tool to find noise: leaving out one of thousands hardly moves anything,
copies cover for each other, and how much an item helps the margins of others has little to do with whether this one
user liked it. It keeps a matrix of all pairs of items, so it is for catalogues of up to `EASE_ITEMS` items, and takes
time in the number of interactions times that of validation interactions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.sparse as sp
from pydantic import Field

from recval.adapter.leave_one_out import check_ease
from recval.data import Interactions, Split
from recval.data.interactions import Codes
from recval.engine import in_order
from recval.engine.executor import Report
from recval.games.sums import values_of_sums
from recval.ranking import ItemSets
from recval.valuation.recommender_games.grouping import OneEach
from recval.valuation.standalone.base import StandaloneValuator, Valued, Valuing
from recval.valuation.standalone.ease_kernel import interaction_changes, user_changes
from recval.valuation.standalone.margins import Margins, check_judged, distinct

Floats = npt.NDArray[np.float64]
_USERS_A_TASK = 32


class EaseLeaveOneOut(StandaloneValuator):
    """Leave-one-out values of EASE.

    Attributes:
        players: what is left out, single interactions or all of a user.
        regularisation: lambda.
        unwanted: how many items that a user has not met stand beside each validation item.
    """

    kind: Literal["loo-ease"] = "loo-ease"
    players: Literal["interactions", "users"] = "interactions"
    regularisation: float = Field(250.0, gt=0, allow_inf_nan=False)
    unwanted: int = Field(5, ge=1)

    def check(self, split: Split) -> None:
        """Refuse catalogues that are too large, and data without a validation part.

        Raises:
            DataError: there are more than `EASE_ITEMS` items, or no validation interactions.
        """
        check_ease(split.train)
        check_judged(split)

    def value(self, valuing: Valuing) -> Valued:
        """Return the values of the training interactions, and of the users where these are left out.

        A repeated interaction is worth nothing: its copy is still there.
        """
        self.check(valuing.split)
        train = valuing.split.train
        margins = Margins.drawn(valuing.split, self.unwanted, valuing.seed)
        fitted = Fitted.to(train, margins, self.regularisation)
        users = np.unique(train.user)
        tasks = [users[start : start + _USERS_A_TASK] for start in range(0, len(users), _USERS_A_TASK)]
        function = _without_interactions if self.players == "interactions" else _without_users
        found = list(in_order(valuing.executor, function, tasks, fitted, valuing.report))
        total, squares = np.concatenate(found, axis=1)
        players = OneEach(kind=self.players).players(train, valuing.seed)
        facts = {"validation users": len(margins.users), "margin": fitted.margin}
        if self.players == "interactions":
            place, unique = distinct(train)
            total, squares = total[place] * unique, squares[place] * unique
            return Valued(values_of_sums(players.table, total, squares, len(margins.users)), facts=facts)
        by_user = values_of_sums(players.table, total, squares, len(margins.users))
        return Valued(players.spread(by_user, train), by_user, players.of_row, facts)


@dataclass(frozen=True, eq=False)
class Fitted:
    """EASE, fitted to all training interactions, and the margins of its scores.

    Attributes:
        sets: the training interactions.
        inverse: P, shape [I, I].
        validated: the rows of the validation users, zeros and ones, shape [V, I].
        products: these rows times P, transposed, shape [I, V].
        place: each user's place among the validation users, -1 for none, shape [n_users].
        margins: as the kernel takes them.
        margin: the utility of all.
    """

    sets: ItemSets
    inverse: Floats
    validated: sp.csr_array
    products: Floats
    place: Codes
    margins: tuple[npt.NDArray[np.generic], ...]
    margin: float

    @classmethod
    def to(cls, train: Interactions, margins: Margins, regularisation: float) -> Fitted:
        """Fit EASE."""
        sets = ItemSets.of(train)
        matrix = sp.csr_array((np.ones(len(sets.items)), sets.items, sets.indptr), shape=(sets.n_users, sets.n_items))
        gram = (matrix.T @ matrix).toarray()
        gram[np.diag_indices(sets.n_items)] += regularisation
        inverse = scipy.linalg.inv(gram, overwrite_a=True, check_finite=False)
        validated = matrix[margins.users]
        products = np.ascontiguousarray((validated @ inverse).T)
        starts, items, weights = margins.cells()
        at_cells = products[items, np.repeat(np.arange(len(margins.users)), np.diff(starts))]
        scores = -at_cells / inverse.diagonal()[items]
        place = np.full(sets.n_users, -1)
        place[margins.users] = np.arange(len(margins.users))
        margin = float(weights @ scores) / len(margins.users)
        return cls(sets, inverse, validated, products, place, (starts, items, weights, scores, at_cells), margin)

    def of_user(self, user: int) -> tuple[Codes, Floats, Floats]:
        """Return a user's items, P x, and the rows of the validation users times it."""
        items = self.sets.items[self.sets.indptr[user] : self.sets.indptr[user + 1]]
        product = self.inverse[items].sum(axis=0)
        return items, product, self.validated @ product


def _without_interactions(fitted: Fitted, users: Codes, report: Report) -> Floats:
    """Return the sums of the changes, and of their squares, for each interaction of some users, shape [2, n]."""
    found = []
    for user in users:
        items, product, overlap = fitted.of_user(user)
        sums = np.empty((2, len(items)))
        interaction_changes(
            fitted.inverse, fitted.products, fitted.margins, fitted.place[user], product, overlap, items, *sums
        )
        found.append(sums)
    return np.concatenate(found, axis=1)


def _without_users(fitted: Fitted, users: Codes, report: Report) -> Floats:
    """Return the sums of the changes, and of their squares, for some users, shape [2, U]."""
    found = []
    diagonal = fitted.inverse.diagonal().copy()
    for user in users:
        items, product, overlap = fitted.of_user(user)
        quadratic = product[items].sum()
        found.append(user_changes(diagonal, fitted.margins, fitted.place[user], product, overlap, quadratic))
    return np.array(found).T
