r"""The utility of closed-form leave-one-out: how far what validation users want is scored above what they left.

.. math:: U = \frac{1}{|V|} \sum_{w \in V} \frac{1}{|W_w|} \sum_{c \in W_w} \Big( s_{wc} - \frac{1}{k} \sum_{d} s_{wd}
    \Big) ,

with :math:`W_w` the validation items of user w, and each of them beside k items d that w met neither in training nor in
validation, drawn once. Every user counts the same. It is linear in the scores: it has no temperature to choose, and an
interaction's part in it is its parts in the scores, added up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from recval.data import Interactions, Split
from recval.data.interactions import Codes
from recval.errors import DataError
from recval.ranking import ItemSets
from recval.rng import torch_generator
from recval.training import TripletSampler


@dataclass(frozen=True, eq=False)
class Margins:
    """Validation items, and what each is held against.

    Attributes:
        users: the users that have any, ascending, shape [V].
        indptr: where each one's items begin, shape [V + 1].
        wanted: the validation items that are not in the training part as well, shape [m].
        unwanted: items that the user has not met, shape [m, k].
    """

    users: Codes
    indptr: Codes
    wanted: Codes
    unwanted: Codes

    @classmethod
    def drawn(cls, split: Split, k: int, seed: int) -> Margins:
        """Return the margins of a split, with `k` unwanted items beside each wanted one.

        Raises:
            DataError: there are no validation items, or a user has met every item.
        """
        sets = ItemSets.of(split.valid).without(ItemSets.of(split.train))
        users = sets.nonempty()
        _check_any(len(users))
        position, wanted = sets.cells(users)
        indptr = np.concatenate([[0], np.cumsum(sets.counts[users])])
        sampler = TripletSampler(split.train, exclude=[split.valid])
        owners = torch.from_numpy(np.repeat(users[position], k))
        unwanted = sampler.negatives(owners, torch_generator(seed, "unwanted")).numpy().reshape(-1, k)
        return cls(users, indptr, wanted, unwanted)

    def cells(self) -> tuple[Codes, Codes, npt.NDArray[np.float64]]:
        """Return where each user's cells begin, their items, and the weights of their scores in the user's margin."""
        k = self.unwanted.shape[1]
        items = np.concatenate([self.wanted[:, None], self.unwanted], axis=1)
        sizes = np.diff(self.indptr)
        weights = np.tile(np.concatenate([[1.0], np.full(k, -1 / k)]), (len(items), 1))
        return self.indptr * (k + 1), items.ravel(), (weights / np.repeat(sizes, sizes)[:, None]).ravel()


def distinct(train: Interactions) -> tuple[Codes, npt.NDArray[np.bool_]]:
    """Return each interaction's place among the distinct ones by user and item, and whether it has no copy."""
    keys = train.user * len(train.items) + train.item
    _, place, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return place.reshape(-1), counts[place.reshape(-1)] == 1


def check_judged(split: Split) -> None:
    """Check that there is something to judge leaving out by.

    Raises:
        DataError: there are no validation interactions.
    """
    _check_any(len(split.valid))


def _check_any(number: int) -> None:
    if number == 0:
        raise DataError("leaving out is judged by validation interactions, and there are none; split some off")
