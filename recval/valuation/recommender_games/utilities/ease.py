r"""EASE, exactly, at the price of an update where coalitions differ by few users.

With X the kept cells and :math:`P = (X^\top X + \lambda I)^{-1}`, EASE scores :math:`X - X P
\operatorname{diag}(P)^{-1}`. Choose it first: it is among the best models of data with many interactions a user, it
has no randomness of its own, and on ml-100k with users as players an evaluation takes as long as ranking its scores
does. It keeps matrices of all pairs of items, which fresh starts invert, and of all pairs of a user and an item, eight
bytes a pair: it is for catalogues of up to `EASE_ITEMS` items, and for as many users as memory allows.

Source: Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from recval.adapter.leave_one_out import check_ease
from recval.data import Interactions
from recval.ranking import Scorer
from recval.valuation.recommender_games.cells import Cells, entries
from recval.valuation.recommender_games.inverse_gram import InverseGram
from recval.valuation.recommender_games.utilities.base import Learner, Mask, Problem, Utility


class Ease(Utility):
    """EASE.

    Attributes:
        regularisation: lambda.
    """

    kind: Literal["ease"] = "ease"
    regularisation: float = Field(250.0, gt=0, allow_inf_nan=False)
    batch_size: ClassVar[int] = 1024

    def check(self, train: Interactions) -> None:
        """Check that the catalogue is not too large.

        Raises:
            DataError: there are more than `EASE_ITEMS` items.
        """
        check_ease(train)

    def prepare(self, problem: Problem) -> Learner:
        """Return the learner."""
        self.check(problem.train)
        return EaseLearner(problem, self.regularisation)


class EaseLearner(Learner):
    """EASE on parts of the training interactions."""

    def __init__(self, problem: Problem, regularisation: float) -> None:
        self._cells = Cells(problem.train)
        self._regularisation = regularisation

    def learn(self, kept: Mask) -> Scorer:
        """Return the scorer of one mask."""
        return next(self.learn_each([kept]))

    def learn_each(self, masks: Iterable[Mask]) -> Iterator[Scorer]:
        """Yield the scorer of each mask, by updating that of the mask before it where that is cheaper than afresh."""
        gram = InverseGram(self._cells, self._regularisation)
        for mask in masks:
            gram.move_to(self._cells.kept(mask))
            yield partial(_scores, gram)


def _scores(gram: InverseGram, users: Tensor) -> Tensor:
    """Return EASE's scores, float64, shape [U, n_items]."""
    codes = users.cpu().numpy()
    scores = gram.products[codes]
    scores /= -gram.diagonal
    rows, items = entries(gram.matrix, codes)
    scores.reshape(-1)[rows * scores.shape[1] + items] += 1.0
    return torch.from_numpy(scores).to(users.device)
