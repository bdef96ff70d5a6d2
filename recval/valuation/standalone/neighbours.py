r"""k-NN Shapley of a recommender: what every training interaction is worth as a vote of a neighbour, exactly.

The players are the training interactions, and what learns from them is the k-NN of users: neighbour v's interaction
with item c is a vote for c, of the weight of v's similarity to the user. For a validation user u, the score of an item
is the mean over :math:`K` of the most similar voters in the coalition,

.. math:: s_{uc}(S) = \frac{1}{K} \sum_{v \text{ among the } K \text{ most similar with } (v, c) \in S} w_{uv} ,

and the utility is the margin of what u wants, its validation items :math:`W_u`, over what it left, all items
:math:`N_u` that it met neither in training nor in validation; both weigh the same, and so do all users:

.. math:: v(S) = \frac{1}{|U|} \sum_{u \in U} \Big( \frac{1}{|W_u|} \sum_{c \in W_u} s_{uc}(S)
    - \frac{1}{|N_u|} \sum_{c \in N_u} s_{uc}(S) \Big) .

For each user and item this is a game of nearest neighbours, where a vote's gain is its similarity; Shapley values add
up over games, so one pass over the neighbours of each user gives the exact values of all (Jia et al., VLDB 2019). With
votes of equal weight all voters of an item would have equal values, whatever their similarity: hence the weights.

What to make of it. A vote is worth much where users alike the voter want the item in validation, and less than nothing
where they leave it. So a low value says "people like you do not want this". It needs no training and sees the
validation part only through who wants what. Noise in the validation part is just that, noise, and averages out over
neighbours; no cleaner data are asked for. Popular items come out higher, as they do in what users want; where this is
not to count, compare values within an item.

Similarities are cosines of the users' training interactions, where v's vote is left out of v's own length (it is in no
product, since u does not have the item), or of the vectors of a backbone, which have seen everything.

Choose `k` as one would for the k-NN itself, by a ranking metric of the validation part. It is not for what an
interaction is worth to a model of another kind, nor for data in which users share few items: votes of users that are
like nobody are worth nothing.

Sources: Jia et al. "Efficient Task-Specific Data Valuation for Nearest Neighbor Algorithms", VLDB 2019; the k-NN of
users after Herlocker et al., SIGIR 1999.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from pydantic import Field

from recval.backbones import build
from recval.data import Interactions, Split
from recval.data.interactions import Codes
from recval.engine import in_order
from recval.engine.executor import Report
from recval.errors import DataError
from recval.games.sums import values_of_sums
from recval.games.values import players_of
from recval.ranking import ItemSets
from recval.training import Loop
from recval.valuation.standalone.base import StandaloneValuator, Valued, Valuing
from recval.valuation.standalone.vote_kernel import add_vote_values

Floats = npt.NDArray[np.float64]
_USERS_A_TASK = 512
_USERS_A_BLOCK = 64


class KNNShapley(StandaloneValuator):
    """Shapley values of training interactions as votes of neighbours.

    Attributes:
        k: how many voters count for an item.
        similarity: of what users are alike: "interactions", or "embeddings" of the model, which is trained for it.
    """

    kind: Literal["knn-shapley"] = "knn-shapley"
    k: int = Field(50, ge=1)
    similarity: Literal["interactions", "embeddings"] = "interactions"

    def check(self, split: Split) -> None:
        """Refuse data without a validation part.

        Raises:
            DataError: there is none.
        """
        if len(split.valid) == 0:
            raise DataError("votes are judged by validation interactions, and there are none; split some off")

    def value(self, valuing: Valuing) -> Valued:
        """Return the values of the training interactions, each validation user an estimate of them."""
        self.check(valuing.split)
        votes = Votes.of(valuing.split, self.k, _embeddings(valuing) if self.similarity == "embeddings" else None)
        users = votes.wanted.nonempty()
        if len(users) == 0:
            raise DataError("all validation interactions are training interactions as well, so nothing judges votes")
        tasks = [users[start : start + _USERS_A_TASK] for start in range(0, len(users), _USERS_A_TASK)]
        total, squares = np.zeros((2, len(votes.items)))
        for sums in in_order(valuing.executor, _vote_values, tasks, votes, valuing.report):
            total += sums[0]
            squares += sums[1]
        train = valuing.split.train
        place = np.argsort(np.argsort(train.user, kind="stable"))
        values = values_of_sums(players_of(train), total[place], squares[place], len(users))
        return Valued(values, facts={"validation users": len(users)})


@dataclass(frozen=True, eq=False)
class Votes:
    """Who votes for what, and who wants what.

    Attributes:
        indptr: where each user's training interactions begin, shape [n_users + 1].
        items: their items, ordered by user, shape [n].
        matrix: the training interactions, zeros and ones, shape [n_users, n_items].
        wanted: the validation items of users, less those of the training part.
        known: what users have met in either part.
        k: how many voters count for an item.
        embeddings: the users' vectors of length 1, shape [n_users, d]; None for their interactions.
    """

    indptr: Codes
    items: Codes
    matrix: sp.csr_array
    wanted: ItemSets
    known: ItemSets
    k: int
    embeddings: Floats | None

    @classmethod
    def of(cls, split: Split, k: int, embeddings: Floats | None) -> Votes:
        """Return the votes of the training part and the wants of the validation part."""
        train = split.train
        items = train.item[np.argsort(train.user, kind="stable")]
        indptr = np.concatenate([[0], np.cumsum(train.user_counts())])
        wanted = ItemSets.of(split.valid).without(ItemSets.of(train))
        return cls(indptr, items, _ones(train), wanted, ItemSets.of(train, split.valid), k, embeddings)

    def similarity(self, users: Codes) -> Floats:
        """Return how alike some users and all are, shape [B, n_users]; below 0 is not alike."""
        if self.embeddings is not None:
            return self.embeddings[users] @ self.embeddings.T
        sizes = np.diff(self.matrix.indptr)
        shared = (self.matrix[users] @ self.matrix.T).toarray()
        # The vote that is judged is left out of its voter's own length.
        shared /= np.sqrt(np.maximum(sizes - 1, 1))
        return shared / np.sqrt(np.maximum(sizes[users], 1))[:, None]

    def weights(self, users: Codes) -> Floats:
        """Return what the score of each item is worth to users, shape [B, n_items]."""
        found = np.ones((len(users), self.wanted.n_items))
        found[self.known.cells(users)] = 0.0
        found /= -np.maximum(found.sum(axis=1, keepdims=True), 1)
        wanted = self.wanted.cells(users)
        found[wanted] = 1 / self.wanted.counts[users][wanted[0]]
        return found


def _vote_values(votes: Votes, users: Codes, report: Report) -> Floats:
    """Return the sums over users of the values and of their squares, shape [2, n]."""
    sums = np.zeros((2, len(votes.items)))
    for block in _blocks(users):
        add_vote_values(
            votes.indptr, votes.items, votes.similarity(block), votes.weights(block), votes.k, sums[0], sums[1]
        )
    return sums


def _blocks(users: Codes) -> Sequence[Codes]:
    return [users[start : start + _USERS_A_BLOCK] for start in range(0, len(users), _USERS_A_BLOCK)]


def _embeddings(valuing: Valuing) -> Floats:
    """Return the users' vectors in the backbone, of length 1, shape [n_users, d]."""
    train, training = valuing.split.train, valuing.training
    backbone = build(valuing.model, train, valuing.parameters, device=training.device, seed=valuing.seed)
    if backbone.needs_training:
        Loop(backbone, valuing.split, training, seed=valuing.seed).fit()
    with torch.no_grad():
        found = backbone.eval().user_embeddings(torch.arange(len(train.users), device=training.device))
    vectors = found.cpu().double().numpy()
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _ones(train: Interactions) -> sp.csr_array:
    sets = ItemSets.of(train)
    shape = sets.n_users, sets.n_items
    return sp.csr_array((np.ones(len(sets.items)), sets.items, sets.indptr), shape=shape)
